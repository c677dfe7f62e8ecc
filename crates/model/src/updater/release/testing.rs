//! Values for the tests of this folder.

use super::{Asset, ForgeKind, Release, ReleaseInfo, ReleaseKind, ReleaseSpec, Source, Verify};
use crate::name::UpdaterName;
use crate::settings::Channel;
use crate::updater::Common;

pub(super) fn spec(kind: ReleaseKind) -> ReleaseSpec {
    ReleaseSpec {
        common: Common {
            config_hash: "one".to_owned(),
            ..Common::usual(UpdaterName::new("app").unwrap(), Channel::Stable)
        },
        kind,
        path: "/home/pi/app".into(),
        reserved: false,
        source: Source {
            forge: ForgeKind::Github,
            host: "github.com".to_owned(),
            api: "https://api.github.com".to_owned(),
            owner: "owner".to_owned(),
            repo: "app".to_owned(),
        },
        persistent_files: Vec::new(),
        verify: Verify::WhatThereIs,
        probe: vec!["--version".to_owned()],
        machine: "aarch64".to_owned(),
        keep_previous: 2,
    }
}

pub(super) fn info(version: &str) -> ReleaseInfo {
    ReleaseInfo {
        project_name: "app".to_owned(),
        project_owner: "owner".to_owned(),
        version: version.to_owned(),
        asset_name: Some("app.zip".to_owned()),
    }
}

pub(super) fn release(version: &str) -> Release {
    let asset =
        |name: &str| Asset { name: name.to_owned(), url: format!("https://x/{name}"), size: Some(1), sha256: None };
    Release {
        tag: version.to_owned(),
        name: Some(version.to_owned()),
        prerelease: false,
        published_at: None,
        notes: String::new(),
        page: None,
        assets: vec![asset("app.zip"), asset("SHA256SUMS"), asset("app.zip.minisig")],
    }
}
