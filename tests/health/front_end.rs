//! A release of a front end whose page asks for what is not in it.

use crate::world::World;

#[test]
fn a_front_end_whose_page_is_not_whole_is_undone() {
    let world = World::new();
    let page = || std::fs::read_to_string(world.path("software/web/index.html")).unwrap_or_default();
    let mut well = page();
    let runs = std::env::var("REFIT_HEALTH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    for round in 0..runs {
        let tags = [format!("v{}", 2 * round + 2), format!("v{}", 2 * round + 3)];
        world.publish_page(&tags[0], &["index-"]);
        world.refresh("web");
        let told = world.update("web").unwrap_or_else(|| panic!("it went through\n{}", world.log()));
        let missing = format!("its page index.html needs assets/index-{}.js, which is not there", tags[0]);
        assert!(told.starts_with("web's update was taken back: ") && told.contains(&missing), "{told}");
        assert!(told.ends_with("is in use again and its page is whole"), "{told}");
        assert_eq!(page(), well);
        world.publish_page(&tags[1], &[]);
        world.refresh("web");
        assert_eq!(world.update("web"), None, "{}", world.log());
        assert_ne!(page(), well);
        well = page();
    }
}
