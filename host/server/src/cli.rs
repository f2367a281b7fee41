//! The command line: one file per command, `ui` the only writer.

pub mod approval;
pub mod decide;
pub mod doctor;
pub mod env;
pub mod follow;
pub mod init;
pub mod plugin;
pub mod progress;
pub mod release;
pub mod run;
pub mod schema;
pub mod serve;
pub mod session;
pub mod settings;
pub mod show;
pub mod table;
pub mod ui;
pub mod validate;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use relhost_model::release::PluginKind;

use self::session::Session;
use self::ui::Ui;
use crate::exit::{Exit, Failure};

/// Moves one built artifact through Dev, QA, Staging and Prod on Kubernetes. Every stage is a sandboxed
/// WebAssembly component; approvals are bound to what is approved; a kill loses nothing.
#[derive(Debug, Parser)]
#[command(name = "relhost", version, max_term_width = 110, disable_help_flag = true)]
#[command(after_help = "Start here:
  relhost init shop                     a pipeline and a configuration that run in rehearsal
  relhost run shop/pipeline.yaml --rehearse
  relhost release list                  what was released
  relhost approval list                 what waits for people

Exit codes:
   0  done as asked                     6  expired or timed out
   1  unexpected, storage fault         7  conflict: owned elsewhere, superseded, already decided
   2  usage, or a file is invalid       8  refused by a rule: requester, minimum, grant, policy
   3  failed or canceled                9  differences found
   4  not asked, not allowed           10  waits for a person
   5  rejected by an approver         130  interrupted; the state is kept")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The operator's file [default: ./relhost.yaml, else the one beside the pipeline; env: RELHOST_CONFIG]
    #[arg(long, global = true, value_name = "FILE", env = "RELHOST_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
    /// The state folder [default: `state:` of relhost.yaml, else .relhost beside it; env: RELHOST_STATE]
    #[arg(long, global = true, value_name = "FOLDER", env = "RELHOST_STATE", hide_env = true)]
    pub state: Option<PathBuf>,
    /// How results are written: table, json, jsonl or yaml
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    #[arg(value_name = "FORMAT", hide_possible_values = true, hide_default_value = true)]
    pub output: Output,
    /// Use colour: auto, always or never; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    #[arg(value_name = "WHEN", hide_possible_values = true, hide_default_value = true)]
    pub color: Color,
    /// Say less: results and errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; twice shows what the host does
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Ask nothing, even on a terminal [env: RELHOST_NO_INPUT]
    #[arg(long, global = true, env = "RELHOST_NO_INPUT", hide_env = true)]
    #[arg(value_parser = clap::builder::FalseyValueParser::new())]
    pub no_input: bool,
    /// Answer yes to questions
    #[arg(long, global = true)]
    pub yes: bool,
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people; may change
    Table,
    /// One document; fields are only added
    Json,
    /// One document per line
    Jsonl,
    /// As JSON, easier to read
    Yaml,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a pipeline and a configuration that run in rehearsal as they are
    Init(init::Init),
    /// Check pipelines and the configuration, components and grants included
    Validate(validate::Validate),
    /// Create a release, run it and follow it
    Run(run::Run),
    /// Go on with releases that were interrupted or wait
    Resume(run::Resume),
    /// Own the state: dispatch every release, watch for new builds, send mails, serve the decide page
    Serve(serve::Serve),
    /// See releases and move them on
    #[command(subcommand)]
    Release(release::Release),
    /// See approvals and decide them
    #[command(subcommand)]
    Approval(approval::Approval),
    /// See environments and clean them up
    #[command(subcommand)]
    Env(env::Env),
    /// Look into plugins
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Print the JSON Schema of a file, for editors
    Schema(schema::Schema),
    /// Check this installation: configuration, state, clusters, mail
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completion {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Compile a component from standard input to standard output; the host starts this itself
    #[command(name = crate::host::compiler::COMMAND, hide = true)]
    CompileComponent {
        /// Stage or policy
        #[arg(value_parser = crate::host::compiler::kind)]
        kind: PluginKind,
    },
}

/// Runs a command and returns how it ended.
///
/// # Errors
/// What a person is to be told.
pub async fn run(cli: Cli, ui: &Ui) -> Result<Exit, Failure> {
    let session = Session { ui, global: &cli.global };
    match cli.command {
        Command::Init(command) => init::run(&session, &command),
        Command::Validate(command) => validate::run(&session, &command),
        Command::Run(command) => run::run(&session, command).await,
        Command::Resume(command) => run::resume(&session, command).await,
        Command::Serve(command) => serve::run(&session, command).await,
        Command::Release(command) => release::run(&session, command).await,
        Command::Approval(command) => approval::run(&session, command).await,
        Command::Env(command) => env::run(&session, command).await,
        Command::Plugin(command) => plugin::run(&session, command),
        Command::Schema(command) => schema::run(&session, &command),
        Command::Doctor(command) => doctor::run(&session, &command).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "relhost", &mut script);
            ui.raw(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
        Command::CompileComponent { .. } => unreachable!("main runs it, without the threads of a runtime"),
    }
}
