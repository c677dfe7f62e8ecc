//! Repositories through the user's git, hardened.
