//! What pip says, as it was recorded.

use super::*;
