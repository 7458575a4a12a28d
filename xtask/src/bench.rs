//! `cargo xtask bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand, ValueEnum};

use crate::backend::{BackendArgs, KeptLock, feature_args};
use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Result};
use crate::peer;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask bench attention
  cargo xtask bench attention --peer torch
  cargo xtask bench evaluation --peer faiss
  cargo xtask bench graph --full
  cargo xtask bench images --peer torchvision
  cargo xtask bench objectives --peer torch
  cargo xtask bench encoders --peer torch
  cargo xtask bench training --peer torch

Under criterion, without a peer:  cargo bench --workspace --bench relation_attention")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Relation attention: pooling and the module, forward and backward, beside the machine's limits
    #[command(after_help = "Examples:
  cargo xtask bench attention --peer torch              # PyTorch eager and compiled, in the same run
  cargo xtask bench attention --device wgpu --shapes quick     # small shapes on another device
  cargo xtask bench attention --device cuda,wgpu --nvrtc       # two devices of one build

Writes attention.md, attention.json and attention.png (a roofline) into --out.")]
    Attention(AttentionArgs),
    /// Retrieval over a whole corpus, and exact search, beside the matrix products that they are made of
    #[command(after_help = "Example: cargo xtask bench evaluation --peer faiss")]
    Evaluation(EvaluationArgs),
    /// The graph file at scale: build, open, look up, sample
    #[command(after_help = "Example: cargo xtask bench graph --full")]
    Graph(GraphArgs),
    /// JPEG files to the pixels that CLIP reads
    #[command(after_help = "Examples:
  cargo xtask bench images --peer torchvision           # generated pictures of three sizes
  cargo xtask bench images --peer torchvision --folder my-catalogue/images")]
    Images(ImagesArgs),
    /// InfoNCE of B anchors against B candidates: time and peak memory of the streaming kernel and of dense forms
    #[command(after_help = "Example: cargo xtask bench objectives --peer torch --rows 1024,4096")]
    Objectives(ObjectivesArgs),
    /// CLIP ViT-B/32 on pictures, and training of a head on cached tokens
    #[command(after_help = "Example: cargo xtask bench encoders --peer torch")]
    Encoders(EncodersArgs),
    /// A step of training, and an inference forward pass, of two towers: small, and of the sizes of CLIP ViT-B/32
    #[command(after_help = "Example: cargo xtask bench training --peer torch --sizes small")]
    Training(TrainingArgs),
}

#[derive(Args)]
struct EncodersArgs {
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PeerName>,
    /// Leave torch.compile out: it takes a minute
    #[arg(long, requires = "peer")]
    eager: bool,
    /// Pictures at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: u32,
    /// Runs of each side, of which the median is shown
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Args)]
struct EvaluationArgs {
    /// Also measure this library's exact search, in turn with ours
    #[arg(long)]
    peer: Option<SearchLibrary>,
    /// Items of the corpus
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    items: u32,
    /// Runs, of which the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum SearchLibrary {
    Faiss,
}

#[derive(Args)]
struct TrainingArgs {
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PeerName>,
    /// Leave torch.compile out: it takes a minute a size, and a C++ compiler
    #[arg(long, requires = "peer")]
    eager: bool,
    /// Which models: small, vit-b-32, or both with a comma
    #[arg(long, value_name = "SIZE,SIZE")]
    sizes: Option<String>,
    /// Steps in each of the processes of each side, of which the median is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Processes of each side, in turn
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Args)]
struct ObjectivesArgs {
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PeerName>,
    /// Values of B, with commas [default: 1024 to 32768]
    #[arg(long, value_name = "B,B,...")]
    rows: Option<String>,
    /// Runs in each of two processes of each side, of which the median is shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Args)]
struct ImagesArgs {
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PictureLibrary>,
    /// Folder of JPEG files, in place of generated ones
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Runs of each side, of which the median is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum PictureLibrary {
    Torchvision,
}

#[derive(Args)]
struct GraphArgs {
    /// Also 100 million edges: some minutes, and 11 GB of disk
    #[arg(long)]
    full: bool,
    /// Where the graphs are built and removed again
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = "runs/bench")]
    out: PathBuf,
}

#[derive(Args)]
struct AttentionArgs {
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PeerName>,
    /// Leave torch.compile out: it takes up to a minute a shape
    #[arg(long, requires = "peer")]
    eager: bool,
    #[command(flatten)]
    backend: BackendArgs,
    /// Runs of each implementation at each shape, of which the median is shown
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Take processor time with one thread instead of wall time with all: for a machine that others use, too
    #[arg(long)]
    shared: bool,
    /// Which shapes: all, those that targets are set for, or a few small ones
    #[arg(long, value_enum, default_value_t = Shapes::Full)]
    shapes: Shapes,
    /// Pooling alone, the whole module (projections included), or both
    #[arg(long, value_enum, default_value_t = Part::All)]
    part: Part,
    /// Folder for the results
    #[arg(long, value_name = "DIR", default_value = OUT)]
    out: PathBuf,
}

const ROUNDS: u32 = 7;
const OUT: &str = "runs/bench";

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shapes {
    Full,
    Headline,
    Large,
    Quick,
}

impl Shapes {
    /// As it is named on the command line.
    pub(crate) fn name(self) -> String {
        named(&self)
    }
}

fn named(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    All,
    Pool,
    Module,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PeerName {
    Torch,
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    match &args.subject {
        Subject::Attention(args) => attention(args),
        Subject::Evaluation(args) => evaluation(args),
        Subject::Graph(args) => graph(args),
        Subject::Images(args) => images(args),
        Subject::Objectives(args) => objectives(args),
        Subject::Encoders(args) => encoders(args),
        Subject::Training(args) => training(args),
    }
}

fn evaluation(args: &EvaluationArgs) -> Result<()> {
    let mut bench = Reported::new("evaluation", &args.out)?;
    bench.command.args(["--items", &args.items.to_string(), "--rounds", &args.rounds.to_string()]);
    if let Some(SearchLibrary::Faiss) = args.peer {
        bench.peer(&peer::faiss()?);
    }
    bench.run()
}

fn encoders(args: &EncodersArgs) -> Result<()> {
    let mut bench = Reported::new("encoders", &args.out)?;
    bench.command.args(["--rounds", &args.rounds.to_string(), "--batch", &args.batch.to_string()]);
    if let Some(PeerName::Torch) = args.peer {
        bench.peer(&peer::torch()?);
        bench.command.args((!args.eager).then_some("--compiled"));
    }
    bench.run()
}

fn training(args: &TrainingArgs) -> Result<()> {
    let mut bench = Reported::new("training", &args.out)?;
    bench.command.args(["--rounds", &args.rounds.to_string(), "--turns", &args.turns.to_string()]);
    if let Some(sizes) = &args.sizes {
        bench.command.args(["--sizes", sizes]);
    }
    if let Some(PeerName::Torch) = args.peer {
        bench.peer(&peer::torch()?);
        bench.command.args((!args.eager).then_some("--compiled"));
    }
    bench.run()
}

fn objectives(args: &ObjectivesArgs) -> Result<()> {
    let mut bench = Reported::new("objectives", &args.out)?;
    bench.command.args(["--rounds", &args.rounds.to_string()]);
    if let Some(rows) = &args.rows {
        bench.command.args(["--rows", rows]);
    }
    if let Some(PeerName::Torch) = args.peer {
        bench.peer(&peer::torch()?);
    }
    bench.run()
}

fn images(args: &ImagesArgs) -> Result<()> {
    let mut bench = Reported::new("images", &args.out)?;
    bench.command.args(["--rounds", &args.rounds.to_string()]);
    if let Some(folder) = &args.folder {
        bench.command.arg("--folder").arg(std::path::absolute(folder).map_err(|error| Failure::file(folder, error))?);
    }
    if let Some(PictureLibrary::Torchvision) = args.peer {
        bench.peer(&peer::torchvision()?);
    }
    bench.run()
}

fn graph(args: &GraphArgs) -> Result<()> {
    let mut bench = Reported::new("graph", &args.out)?;
    bench.command.args(args.full.then_some("--full"));
    if let Some(folder) = &args.folder {
        bench.command.arg("--folder").arg(created(folder)?);
    }
    bench.run()
}

/// The bench of relation attention on a device, everything else as by default.
pub(crate) fn attention_on(backend: &BackendArgs, peer: Option<PeerName>, shapes: Shapes) -> Result<()> {
    let backend = backend.clone();
    let (rounds, part, out) = (ROUNDS, Part::All, OUT.into());
    attention(&AttentionArgs { peer, eager: false, backend, rounds, shared: false, shapes, part, out })
}

fn attention(args: &AttentionArgs) -> Result<()> {
    let devices: Vec<&str> = args.backend.devices().collect();
    for device in &devices {
        let name = if devices.len() == 1 { "attention".into() } else { format!("attention-{device}") };
        attention_one(args, device, &name)?;
    }
    Ok(())
}

/// The bench on one device of the build; its files get this name.
fn attention_one(args: &AttentionArgs, device: &str, name: &str) -> Result<()> {
    // A bench runs in the folder of its package.
    let out = created(&args.out)?;
    let features = args.backend.features()?;
    let _kept = KeptLock::for_build(&features)?;
    let mut bench = cargo(["bench", "--workspace", "--bench", "attention_peers"]);
    bench.args(feature_args(&features)).args(["--", "--device", device]);
    bench.args(["--rounds", &args.rounds.to_string()]);
    bench.args(["--shapes", &args.shapes.name(), "--part", &named(&args.part)]);
    for (option, ending) in [("--json", "json"), ("--png", "png"), ("--markdown", "md")] {
        bench.arg(option).arg(out.join(format!("{name}.{ending}")));
    }
    if args.shared {
        bench.args(["--clock", "processor"]).env("RAYON_NUM_THREADS", "1");
    }
    if let Some(PeerName::Torch) = args.peer {
        bench.arg("--peer").arg(peer::torch()?);
        if !args.eager {
            bench.arg("--compiled");
        }
    }
    run_command(&mut bench)?;
    println!("{}", out.display());
    Ok(())
}

/// A bench that writes its table and its numbers into a folder.
struct Reported {
    command: Command,
    out: PathBuf,
}

impl Reported {
    fn new(name: &str, out: &Path) -> Result<Self> {
        let out = created(out)?;
        let mut command = cargo(["bench", "--workspace", "--bench", name, "--"]);
        command.arg("--json").arg(out.join(format!("{name}.json")));
        command.arg("--markdown").arg(out.join(format!("{name}.md")));
        Ok(Self { command, out })
    }

    /// The Python of the library that it takes turns with.
    fn peer(&mut self, python: &Path) {
        self.command.arg("--peer").arg(python);
    }

    fn run(mut self) -> Result<()> {
        run_command(&mut self.command)?;
        println!("{}", self.out.display());
        Ok(())
    }
}

/// A folder that is there, as an absolute path.
fn created(folder: &Path) -> Result<PathBuf> {
    let folder = std::path::absolute(folder).map_err(|error| Failure::file(folder, error))?;
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    Ok(folder)
}
