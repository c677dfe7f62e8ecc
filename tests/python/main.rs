//! Python environments in the hands of Refit: real environments, real pip, a pretend index, and the built `refit` as the
//! helper that shows pip a prepared environment in its final place.

#![allow(clippy::disallowed_methods, reason = "tests read PATH")]
#![allow(unreachable_pub, reason = "a test exports nothing; here pub marks what one file offers to the others")]

mod anew;
mod fits;
mod in_place;
mod lab;
mod look;
mod real_index;
mod refused;
mod sources;
mod staged;
mod view;
