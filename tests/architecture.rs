//! The direction of DESIGN's rooms, kept by cargo itself: model <- engine <- {adapters, server} <- the binary.
//! A dependency that breaks it fails here, with the edge's name.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every edge between our own crates that is allowed in what is shipped.
const ALLOWED: &[(&str, &[&str])] = &[
    ("refit-model", &[]),
    ("refit-engine", &["refit-model"]),
    ("refit-adapters", &["refit-model", "refit-engine"]),
    ("refit-server", &["refit-model", "refit-engine"]),
    ("refit-vm", &[]),
    ("refit-testkit", &["refit-vm"]),
    ("refit", &["refit-model", "refit-engine", "refit-adapters", "refit-server", "refit-testkit"]),
];

/// What a crate must not even reach through others.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("refit-model", &["tokio", "zbus", "rusqlite", "axum", "hyper", "reqwest", "rustix"]),
    ("refit-engine", &["zbus", "rusqlite", "axum", "hyper", "reqwest"]),
    ("refit-server", &["rusqlite", "reqwest", "gix-index", "zbus"]),
    ("refit-adapters", &["axum"]),
];

type Edges = BTreeMap<String, BTreeSet<String>>;

/// Normal and build dependencies by crate name, from the resolved graph.
fn edges() -> Edges {
    let metadata = MetadataCommand::new().exec().expect("cargo metadata answers");
    let names: BTreeMap<_, _> = metadata.packages.iter().map(|p| (p.id.clone(), p.name.to_string())).collect();
    let graph = metadata.resolve.expect("a resolved graph");
    graph
        .nodes
        .iter()
        .map(|node| {
            let ships =
                |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|k| k.kind != DependencyKind::Development);
            let deps = node.deps.iter().filter(|d| ships(&d.dep_kinds)).map(|d| names[&d.pkg].clone()).collect();
            (names[&node.id].clone(), deps)
        })
        .collect()
}

fn reachable<'a>(edges: &'a Edges, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(name) = todo.pop() {
        for next in edges.get(name).into_iter().flatten() {
            if seen.insert(next.as_str()) {
                todo.push(next);
            }
        }
    }
    seen
}

#[test]
fn our_crates_depend_in_one_direction() {
    let edges = edges();
    for (name, allowed) in ALLOWED {
        let ours: Vec<_> = edges[*name].iter().filter(|d| d.starts_with("refit")).collect();
        for dependency in ours {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn no_crate_reaches_what_is_not_its_business() {
    let edges = edges();
    for (name, forbidden) in FORBIDDEN {
        let seen = reachable(&edges, name);
        for other in *forbidden {
            assert!(!seen.contains(other), "{name} must not reach {other}");
        }
    }
}

#[test]
fn tls_is_rustls_and_nothing_else() {
    let edges = edges();
    for name in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!edges.contains_key(name) || !reachable(&edges, "refit").contains(name), "{name} got into the tree");
    }
}
