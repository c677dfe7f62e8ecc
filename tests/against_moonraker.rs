//! Refit beside the real Moonraker 0.11.0.
