//! wip
#[test]
fn tryout() {
    let host = crate::host::Host::with_needs();
    for kind in crate::deeds::NEEDS {
        let begun = std::time::Instant::now();
        let deed = crate::deeds::Deed::prepare(&host, kind);
        println!("{kind:?}: took {:?}, prepared in {:?}, {} points", deed.took, begun.elapsed(), deed.points.len());
        for (p, n) in &deed.points {
            if !p.starts_with("journal") {
                print!(" {p}*{n}");
            }
        }
        println!();
    }
}
