//! Arguments with a meaning of their own, parsed once.

use super::error::CliError;
use crate::client::Client;
use crate::config::BackendChoice;
use crate::model::BackendKind;
use crate::pb;
use std::str::FromStr;
use std::time::Duration;

/// Which generation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GenerationArg {
    Number(u32),
    /// The newest built one.
    Current,
    /// The newest of any outcome.
    #[default]
    Latest,
    /// The newest built one before current.
    Previous,
}

impl FromStr for GenerationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "current" => Ok(GenerationArg::Current),
            "latest" => Ok(GenerationArg::Latest),
            "previous" => Ok(GenerationArg::Previous),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(GenerationArg::Number(number)),
                _ => Err("a generation is a number, current, latest or previous".into()),
            },
        }
    }
}

impl std::fmt::Display for GenerationArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GenerationArg::Number(number) => write!(f, "{number}"),
            GenerationArg::Current => f.write_str("current"),
            GenerationArg::Latest => f.write_str("latest"),
            GenerationArg::Previous => f.write_str("previous"),
        }
    }
}

impl GenerationArg {
    /// The number on the wire, where 0 is the latest.
    ///
    /// # Errors
    /// When there is no such generation, or the agent went away.
    pub async fn number(self, client: &Client) -> Result<u32, CliError> {
        let status = async || client.agent().get_status(pb::GetStatusRequest {}).await;
        match self {
            GenerationArg::Number(number) => Ok(number),
            GenerationArg::Latest => Ok(0),
            GenerationArg::Current => match status().await?.into_inner().current {
                Some(current) => Ok(current.number),
                None => Err(none("no generation is built yet").into()),
            },
            GenerationArg::Previous => {
                let current = status()
                    .await?
                    .into_inner()
                    .current
                    .map_or(0, |current| current.number);
                newest_built_below(client, current).await
            }
        }
    }
}

fn none(message: &str) -> super::Problem {
    super::Problem {
        code: "NOT_FOUND",
        ..super::Problem::failed(message).hint("kiln generations lists those there are")
    }
}

async fn newest_built_below(client: &Client, current: u32) -> Result<u32, CliError> {
    let mut page_token = current.to_string();
    while current > 1 && !page_token.is_empty() {
        let request = pb::ListGenerationsRequest {
            page_size: 0,
            page_token,
        };
        let page = client.agent().list_generations(request).await?.into_inner();
        if let Some(found) = page
            .generations
            .iter()
            .find(|generation| is_built(generation))
        {
            return Ok(found.number);
        }
        page_token = page.next_page_token;
    }
    Err(none("no generation was built before the current one").into())
}

/// Whether there is a result.
pub fn is_built(generation: &pb::Generation) -> bool {
    let build = generation.build.as_ref();
    build.is_some_and(|build| build.status() == pb::BuildStatus::Succeeded)
}

/// A length of time such as `90s`, `5m`, `2h`, `1d` or `1h30m`.
///
/// # Errors
/// When it is none, zero, or longer than a year.
pub fn duration(text: &str) -> Result<Duration, String> {
    const WRONG: &str = "a duration is written like 90s, 5m, 2h, 1d or 1h30m";
    let mut seconds = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| WRONG)?;
        let unit = match rest.as_bytes().get(digits) {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            _ => return Err(WRONG.into()),
        };
        seconds = number
            .checked_mul(unit)
            .and_then(|more| seconds.checked_add(more))
            .ok_or(WRONG)?;
        rest = &rest[digits + 1..];
    }
    match seconds {
        0 => Err("it must be longer than zero".into()),
        1..=31_536_000 => Ok(Duration::from_secs(seconds)),
        _ => Err("it may be a year at most".into()),
    }
}

/// How commits are evaluated, as typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Backend {
    /// By what the commit has: kiln.star, else flake.nix.
    Auto,
    /// kiln.star, with kiln's own evaluator, sandbox and store.
    Native,
    /// flake.nix, with an installed Nix: nixosConfigurations.HOST.
    NixFlake,
    /// default.nix, with an installed Nix: nixosConfigurations.HOST of what it evaluates to.
    Nix,
}

impl From<Backend> for BackendChoice {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Auto => BackendChoice::Auto,
            Backend::Native => BackendChoice::Always(BackendKind::Native),
            Backend::NixFlake => BackendChoice::Always(BackendKind::NixFlake),
            Backend::Nix => BackendChoice::Always(BackendKind::Nix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_numbers_or_one_of_three_words() {
        assert_eq!("12".parse(), Ok(GenerationArg::Number(12)));
        assert_eq!("previous".parse(), Ok(GenerationArg::Previous));
        for bad in ["0", "-1", "", "main", "./x", "99999999999"] {
            assert!(bad.parse::<GenerationArg>().is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        for bad in [
            "",
            "5",
            "h",
            "5x",
            "0s",
            "1 h",
            "99999999999999999999h",
            "400d",
            "5ü",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
