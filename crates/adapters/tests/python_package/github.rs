//! Applications installed from a repository on GitHub.
