//! Refit's hands: one outside thing per file, speaking the model's types.
//!
//! | file | what it is |
//! |---|---|
//! | [`archive`] | zip archives, judged and unpacked |
//! | [`builtin`] | klipper and moonraker, found by themselves |
//! | [`bus`] | the system's message bus (D-Bus) |
//! | [`clock`] | the clock on the wall |
//! | [`command`] | the one place that spawns a process |
//! | [`config_files`] | the configuration's files |
//! | [`content`] | files of a version that is not in use yet |
//! | [`disk`] | room, asked before something large is begun |
//! | [`doctor`] | what keeps Refit from working on this machine |
//! | [`download`] | files of releases: resumed, verified, named by their hash |
//! | [`fault`] | points at which a test has this process killed |
//! | [`forge`] | forges: which release is the newest |
//! | [`git`] | repositories, through the user's git, hardened |
//! | [`health`] | what an update can make sick, asked from outside |
//! | [`klippy`] | the printer's socket: identity and activity |
//! | [`machine`] | the table: which hand does which step |
//! | [`node`] | Node packages, through npm |
//! | [`packages`] | OS packages |
//! | [`python`] | Python environments and packages |
//! | [`python_package`] | Python applications: what is installed, and what indexes and forges offer |
//! | [`release`] | software that ships as releases |
//! | [`root_helper`] | the few things that need root, where polkit is not there |
//! | [`services`] | services, restarted |
//! | [`store`] | the state folder: journal, history and facts in SQLite |
//! | [`system`] | the packages of the operating system |
//! | [`tree`] | folders as wholes: staged, synced, exchanged |

pub mod archive;
pub mod builtin;
pub mod bus;
pub mod clock;
pub mod command;
pub mod config_files;
pub mod content;
pub mod disk;
pub mod doctor;
pub mod download;
pub mod fault;
pub mod forge;
pub mod git;
pub mod health;
pub mod klippy;
pub mod machine;
pub mod node;
pub mod packagekit;
pub mod packages;
mod polkit;
pub mod python;
pub mod python_package;
pub mod release;
pub mod root_helper;
pub mod services;
pub mod store;
pub mod system;
pub mod tree;
