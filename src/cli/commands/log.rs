use crate::cli::error::{CliError, Outcome};
use crate::cli::human::TerminalFilter;
use crate::cli::offline::{self, OfflineArgs};
use crate::cli::values::GenerationArg;
use crate::cli::{Context, human};
use crate::client::Client;
use crate::pb;
use crate::server::{self, HOOKS_FOLDER};
use crate::state::Offline;
use futures_util::StreamExt;

/// Evaluation and build logs, the failed step first.
#[derive(Debug, clap::Args)]
pub struct Log {
    /// A number, current, latest or previous.
    #[arg(value_name = "GENERATION", default_value = "latest")]
    generation: GenerationArg,
    /// One step's log only.
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "NAME"
    )]
    derivation: String,
    /// Go on until the generation has ended.
    #[arg(short, long, conflicts_with = "offline")]
    follow: bool,
    #[command(flatten)]
    offline: OfflineArgs,
}

impl Log {
    pub(in crate::cli) async fn run(self, context: &Context) -> Result<Outcome, CliError> {
        if let Some(state) = self.offline.state(context)? {
            return self.of_files(context, &state).await;
        }
        let client = context.connect().await?;
        let number = self.generation.number(&client).await?;
        let request = pb::ReadLogRequest {
            generation_number: number,
            derivation: self.derivation.clone(),
            follow: self.follow,
            offset: 0,
        };
        let answer = client.agent().read_log(request).await?;
        let folder = answer.metadata().get(HOOKS_FOLDER).cloned();
        let mut chunks = answer.into_inner();
        let mut printer = self.printer();
        while let Some(chunk) = chunks.message().await? {
            printer.show(context, &chunk)?;
        }
        if let Some(folder) = folder.as_ref().and_then(|folder| folder.to_str().ok())
            && self.derivation.is_empty()
        {
            mention_hooks(context, &client, number, folder).await?;
        }
        Ok(Outcome::Done)
    }

    fn printer(&self) -> Printer {
        Printer {
            with_headings: self.derivation.is_empty(),
            ..Printer::default()
        }
    }

    async fn of_files(&self, context: &Context, state: &Offline) -> Result<Outcome, CliError> {
        let found = offline::generation(state, self.generation)?;
        let chunks = server::offline::read_log(state, &found, &self.derivation);
        let (mut chunks, mut printer) = (std::pin::pin!(chunks), self.printer());
        while let Some(chunk) = chunks.next().await {
            printer.show(context, &chunk?)?;
        }
        if self.derivation.is_empty() {
            let folder = state.hooks(found.number).display().to_string();
            hooks_of(context, &server::convert::generation(&found), &folder);
        }
        Ok(Outcome::Done)
    }
}

/// What hooks print is their owner's: where it lies, for whoever may read it.
async fn mention_hooks(
    context: &Context,
    client: &Client,
    number: u32,
    folder: &str,
) -> Result<(), CliError> {
    let request = pb::GetGenerationRequest { number };
    let generation = client.agent().get_generation(request).await?.into_inner();
    hooks_of(context, &generation, folder);
    Ok(())
}

fn hooks_of(context: &Context, generation: &pb::Generation, folder: &str) {
    let ran = |hook: &&pb::Hook| hook.started_at.is_some();
    for hook in generation.hooks.iter().filter(ran) {
        let name = human::plain(&hook.name);
        let folder = human::plain(folder);
        context
            .out
            .note(&format!("hook {name}: its log is {folder}/{name}/log"));
    }
}

/// Puts a heading where another log goes on, on a line of its own.
#[derive(Default)]
struct Printer {
    with_headings: bool,
    last: Option<String>,
    in_line: bool,
    filter: TerminalFilter,
}

impl Printer {
    fn show(&mut self, context: &Context, chunk: &pb::LogChunk) -> Result<(), CliError> {
        let out = &context.out;
        match out.json {
            true => out.message(chunk),
            false => out.bytes(&self.print(chunk, out.terminal)),
        }
    }

    fn print(&mut self, chunk: &pb::LogChunk, terminal: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.with_headings && self.last.as_ref() != Some(&chunk.derivation) {
            let line_end = if self.in_line { "\n" } else { "" };
            let name = if chunk.derivation.is_empty() {
                "evaluation"
            } else {
                &chunk.derivation
            };
            bytes.extend_from_slice(format!("{line_end}==> {name} <==\n").as_bytes());
            self.last = Some(chunk.derivation.clone());
        }
        match terminal {
            true => self.filter.write(&chunk.data, &mut bytes),
            false => bytes.extend_from_slice(&chunk.data),
        }
        self.in_line = bytes.last().is_some_and(|byte| *byte != b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_apart_and_cannot_drive_the_terminal() {
        let chunk = |derivation: &str, data: &[u8]| pb::LogChunk {
            derivation: derivation.into(),
            data: data.to_vec(),
            offset: 0,
        };
        let mut printer = Printer {
            with_headings: true,
            ..Printer::default()
        };
        let mut printed = printer.print(&chunk("", b"one"), true);
        printed.extend(printer.print(
            &chunk("hello", b"\x1b]0;title\x07t\x1b[31mred\x1b[0m\n"),
            true,
        ));
        printed.extend(printer.print(&chunk("hello", b"more\n"), true));
        let text = String::from_utf8(printed).unwrap();
        assert_eq!(
            text,
            "==> evaluation <==\none\n==> hello <==\n0;titletred\nmore\n"
        );
        assert_eq!(
            Printer::default().print(&chunk("x", b"\x1b[31m"), false),
            b"\x1b[31m"
        );
    }
}
