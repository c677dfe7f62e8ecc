//! The packages of the system in the engine: their first look asks no network, and an update of everything begins with them.

use refit_engine::EngineSettings;
use refit_engine::ports::Look;
use refit_model::plan::Action;
use refit_model::request::Request;
use refit_model::updater::Spec;
use refit_model::updater::system::SystemSpec;

use crate::lab::{engine, wait};
use crate::scripted::{Scripted, git, name};

fn system() -> Spec {
    let config_hash = String::new();
    Spec::System(SystemSpec { name: name("system"), packagekit: false, refresh_interval_hours: 168, config_hash })
}

#[tokio::test]
async fn the_first_look_asks_no_network_and_the_first_place_is_its_own() {
    let engine = engine(Scripted::new(&[]), vec![git("one"), system()], EngineSettings::default()).await;
    wait(&engine.handle, |snapshot| snapshot.initialized).await;
    let of_the_system = |engine: &crate::lab::Engine| {
        let looks = engine.machine.with(|disk| std::mem::take(&mut disk.looks));
        looks.into_iter().filter(|(name, _)| name == "system").map(|(_, look)| look).collect::<Vec<_>>()
    };
    assert_eq!(of_the_system(&engine), [Look::Local]);
    engine.submit(Request::Refresh { name: Some("system".to_owned()) }).await.unwrap();
    assert_eq!(of_the_system(&engine), [Look::Remote]);
    engine.submit(Request::Full).await.unwrap();
    let first = engine.machine.with(|disk| disk.looks.first().cloned());
    assert_eq!(first, Some(("system".to_owned(), Look::Survey(Action::Upgrade))));
}
