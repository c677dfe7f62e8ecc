//! What a running Moonraker answered, and what Refit answers.
