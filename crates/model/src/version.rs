//! Versions as `git describe` writes them: parsing, the short form, ordering (CONTRACT §3.2.1).
//! Refuses to: run git.
