//! Whole configurations, in Moonraker's words.
