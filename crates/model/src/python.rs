//! The words of Python packaging, read as `packaging` and pip read them.
//!
//! | question | where |
//! |---|---|
//! | is this the same project? | [`name`] (PEP 503) |
//! | which of two versions is newer, and is one asked for? | [`version`], [`specifier`] (PEP 440) |
//! | what does a line of `Requires-Dist` ask for, and here? | [`requirement`], [`marker`] (PEP 508) |
//! | what does a `requirements.txt` ask for? | [`requirements_file`] (pip's format), its URLs in [`direct`] |
//! | what is installed? | [`installed`] (core metadata, PEP 376, PEP 610) |
//! | which file of an index would pip take? | [`file_name`], [`choose`] (PEP 427, 592, 625, 691) |
//! | what does an environment lack? | [`needs`] |
//! | does what is installed fit together? | [`fits`] |
//!
//! Refuses to: read files, ask an index, or start Python. What cannot be judged here is said to be so, and left to pip.

pub mod choose;
pub mod direct;
pub mod file_name;
pub mod fits;
pub mod installed;
pub mod marker;
pub mod name;
pub mod needs;
pub mod requirement;
pub mod requirements_file;
pub mod specifier;
pub mod version;
