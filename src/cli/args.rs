//! The command line: what can be said, with the help for each word.
//!
//! Refuses to do anything. The variables of CONTRACT §4.1 stand in for the options that they name.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Keeps the software of a Klipper printer host up to date, and keeps the host working while it does so.
#[derive(Debug, Parser)]
#[command(name = "refit", version, about, after_help = super::exit::table(), disable_help_subcommand = true)]
pub struct Arguments {
    /// Where things are.
    #[command(flatten)]
    pub places: PlaceOptions,
    /// How to answer.
    #[command(flatten)]
    pub answer: AnswerOptions,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where things are. Every command takes these.
#[derive(Debug, Clone, Args)]
pub struct PlaceOptions {
    /// The data folder of the printer [default: ~/printer_data]
    #[arg(short, long, global = true, value_name = "FOLDER", env = "MOONRAKER_DATA_PATH")]
    pub data_path: Option<PathBuf>,
    /// The configuration file [default: config/refit.conf in the data folder if it is there, else config/moonraker.conf]
    #[arg(short, long, global = true, value_name = "FILE", env = "MOONRAKER_CONFIG_PATH")]
    pub config: Option<PathBuf>,
    /// The socket of the running Refit [default: comms/refit.sock in the data folder]
    #[arg(short, long, global = true, value_name = "SOCKET", env = "MOONRAKER_UDS_PATH")]
    pub unix_socket: Option<PathBuf>,
}

/// How to answer.
#[derive(Debug, Clone, Copy, Args)]
pub struct AnswerOptions {
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell more about what is going on (-vv for even more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is installed, and what could be updated (-v: with the notes of releases)
    Status {
        /// Only these
        names: Vec<String>,
        /// Tell by the exit code whether an update is there
        #[arg(long)]
        check: bool,
    },
    /// Show what an update, a recovery or a rollback would do, step by step, without doing it
    Plan {
        /// What would be done (upgrade, recover or rollback; an upgrade when left out), and to what (everything, for an
        /// upgrade)
        #[arg(num_args = 0..=2, value_name = "ACTION|NAME")]
        words: Vec<String>,
        /// For `recover`: as a fresh copy
        #[arg(long)]
        hard: bool,
        /// For `recover`: with all that it depends on
        #[arg(long)]
        update_deps: bool,
        /// For an upgrade: even to a version that is to be skipped
        #[arg(long)]
        consent: bool,
    },
    /// Look for new versions now
    Refresh {
        /// Only these
        names: Vec<String>,
    },
    /// Update
    #[command(group(ArgGroup::new("what").required(true).args(["names", "all"])))]
    Upgrade {
        /// What to update
        names: Vec<String>,
        /// Everything that has an update, and that is neither held back nor skipped
        #[arg(long)]
        all: bool,
        /// Even to a version that is to be skipped
        #[arg(long, conflicts_with = "all")]
        consent: bool,
    },
    /// Bring something broken back into a good state; what must give way is kept aside first
    Recover {
        /// What to recover
        name: String,
        /// Replace it by a fresh copy
        #[arg(long)]
        hard: bool,
        /// Ask for all that it depends on again: Python, system and Node packages
        #[arg(long)]
        update_deps: bool,
    },
    /// Go back to the version before the last update
    Rollback {
        /// What to roll back
        name: String,
    },
    /// Hold something back: `upgrade --all` passes it by until `unhold`
    Hold {
        /// What to hold back
        name: String,
    },
    /// Let go of what is held back, and skip nothing of it any more
    Unhold {
        /// What to let go of
        name: String,
    },
    /// Skip one version: `upgrade --all` passes it by until another version is offered
    Skip {
        /// Of what
        name: String,
        /// Which version, as `status` shows it [default: the one that is offered]
        version: Option<String>,
    },
    /// Show what was done: who asked, what was planned, how it went (-v: step by step)
    History {
        /// Only of this
        name: Option<String>,
        /// How many, the newest first
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Read the configuration and say what was understood, and what is wrong with it
    Check,
    /// Look for what keeps Refit from working on this machine, and say what to do about it
    Doctor,
    /// Run Refit
    Serve(ServeOptions),
    /// Try Refit on a pretend printer host in a temporary folder
    Demo(DemoOptions),
    /// Repair without a running Refit, from the configuration alone
    Rescue {
        /// What to repair
        name: String,
        /// Replace it by a fresh copy
        #[arg(long)]
        hard: bool,
    },
    /// Do for the one connection on standard input what needs root; started by systemd alone
    #[command(hide = true)]
    RootHelper,
    /// Write the completions for a shell to standard output
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    /// Debug mode: a repository with a detached HEAD may be updated; the log tells more
    #[arg(
        short = 'g',
        long,
        env = "MOONRAKER_ENABLE_DEBUG",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub debug: bool,
    /// Make a step fail or the process die at a given point, for tests
    #[cfg(debug_assertions)]
    #[arg(long, hide = true, value_name = "SPEC")]
    pub fault: Option<String>,
}

/// `demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// The port to serve on [default: 7125, or a free one when that is taken]
    #[arg(short, long)]
    pub port: Option<u16>,
}

/// What a plan is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanWord {
    /// An update
    Upgrade,
    /// A recovery
    Recover,
    /// A rollback
    Rollback,
}

impl PlanWord {
    /// Reads `[ACTION] [NAME]`; none when the first of two is no action.
    #[must_use]
    pub fn read(words: &[String]) -> Option<(Self, Option<&str>)> {
        let action = |word: &str| <Self as ValueEnum>::from_str(word, false).ok();
        match words {
            [] => Some((Self::Upgrade, None)),
            [word] => Some(action(word).map_or((Self::Upgrade, Some(word.as_str())), |action| (action, None))),
            [word, name, ..] => Some((action(word)?, Some(name.as_str()))),
        }
    }

    /// The word in `refit.plan`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Recover => "recover",
            Self::Rollback => "rollback",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn a_plan_is_about_an_action_or_a_name_or_both() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            PlanWord::read(&words).map(|(action, name)| (action, name.map(str::to_owned)))
        };
        let name = Some("klipper".to_owned());
        assert_eq!(read(&[]), Some((PlanWord::Upgrade, None)));
        assert_eq!(read(&["klipper"]), Some((PlanWord::Upgrade, name.clone())));
        assert_eq!(read(&["rollback"]), Some((PlanWord::Rollback, None)));
        assert_eq!(read(&["recover", "klipper"]), Some((PlanWord::Recover, name)));
        assert_eq!(read(&["klipper", "recover"]), None);
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_upgrade_of_everything_is_never_an_accident() {
        assert!(Arguments::try_parse_from(["refit", "upgrade"]).is_err());
        assert!(Arguments::try_parse_from(["refit", "upgrade", "--all", "klipper"]).is_err());
        assert!(Arguments::try_parse_from(["refit", "upgrade", "--all"]).is_ok());
        assert!(Arguments::try_parse_from(["refit", "upgrade", "klipper", "moonraker"]).is_ok());
    }
}
