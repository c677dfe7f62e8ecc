//! What the printer's host program (klippy) is doing, as far as updates must know it.
//! Refuses to: talk to it; `adapters::klippy` does.

use serde::{Deserialize, Serialize};

/// Who klippy said it is when it answered `info`. Facts of CONTRACT §7.2.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterIdentity {
    /// Folder of the running Klipper source (`klipper_path`).
    pub klipper_path: Option<String>,
    /// The interpreter that runs it (`python_path`).
    pub python_path: Option<String>,
    /// The whole `info` answer as klippy gave it, for `printer.info`.
    pub info: serde_json::Map<String, serde_json::Value>,
}

/// `webhooks.state` of klippy, plus the state of not being connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KlippyState {
    /// No connection to klippy's socket.
    #[default]
    Disconnected,
    /// Connected, still starting.
    Startup,
    /// Ready to print.
    Ready,
    /// Klipper reported a configuration or MCU error.
    Error,
    /// Emergency stop or internal shutdown.
    Shutdown,
}

impl KlippyState {
    /// The word that `server.info` shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Startup => "startup",
            Self::Ready => "ready",
            Self::Error => "error",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What the printer is doing, in the words that matter for an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// Nothing that an update could disturb, or nothing is known (CONTRACT §7.3: unknown counts as not printing).
    #[default]
    Idle,
    /// `print_stats.state` is `printing`.
    Printing,
    /// `print_stats.state` is `paused`.
    Paused,
    /// A print is being started or cancelled: klippy was asked for it and has not settled yet.
    Transition,
}

/// The printer as last seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Printer {
    /// Connection and klippy state.
    pub state: KlippyState,
    /// What it is doing; only meaningful while `state` is [`KlippyState::Ready`].
    pub activity: Activity,
    /// Klippy's own explanation of its state.
    pub state_message: String,
    /// Filled once klippy identified itself; kept after a disconnect.
    pub identity: Option<PrinterIdentity>,
    /// The process at the other end of its socket.
    #[serde(default)]
    pub pid: Option<u32>,
}

impl Printer {
    /// Whether anything that could disturb the printer must not run now: printing, paused, or a print being started
    /// or cancelled (CONTRACT §8 row 19). An unknown printer is not busy.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match (self.state, self.activity) {
            (KlippyState::Ready, Activity::Printing | Activity::Paused | Activity::Transition) => true,
            (KlippyState::Ready, Activity::Idle) => false,
            (KlippyState::Disconnected | KlippyState::Startup | KlippyState::Error | KlippyState::Shutdown, _) => false,
        }
    }
}
