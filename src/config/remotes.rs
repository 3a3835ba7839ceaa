//! `[[remotes]]`: what is polled, and how kiln shows itself there.

use super::error::{Problem, password};
use super::reader::Section;
use crate::model::{Auth, BranchName, HostName, RemoteConfig};

const KEYS: [&str; 9] = [
    "name",
    "url",
    "branches",
    "poll_interval",
    "timeout",
    "auth",
    "ca_file",
    "proxy",
    "owner",
];
const AUTH_KEYS: [&str; 4] = ["username", "token_file", "ssh_key_file", "known_hosts_file"];

/// All remotes: at least one, each name once.
pub(super) fn read(top: &Section<'_>, host: &HostName) -> Result<Vec<RemoteConfig>, Problem> {
    let sections = top.items("remotes", &KEYS)?;
    if sections.is_empty() {
        let message = "at least one `[[remotes]]` with a name and a url is needed";
        return Err(top.problem("remotes", message));
    }
    let mut remotes: Vec<RemoteConfig> = Vec::new();
    for section in &sections {
        let remote = remote(section, host)?;
        if remotes.iter().any(|known| known.name == remote.name) {
            let message = format!(
                "{:?} is the name of another remote already",
                remote.name.as_str()
            );
            return Err(section.problem("name", &message));
        }
        remotes.push(remote);
    }
    Ok(remotes)
}

fn remote(section: &Section<'_>, host: &HostName) -> Result<RemoteConfig, Problem> {
    section.require("name")?;
    section.require("url")?;
    let (main, testing) = branches(section, host)?;
    Ok(RemoteConfig {
        name: section.parsed("name", "")?,
        url: section.text_as("url", "", |url| checked_url(&fill(url, host)))?,
        main,
        testing,
        poll_interval: section.duration_or_zero("poll_interval", "60s")?,
        timeout: section.duration("timeout", "5m")?,
        auth: auth(section)?,
        ca_file: section.optional_path("ca_file")?,
        proxy: proxy(section)?,
        owner: section.optional("owner")?,
    })
}

fn branches(
    section: &Section<'_>,
    host: &HostName,
) -> Result<(BranchName, Option<BranchName>), Problem> {
    let branches = section.section("branches", &["main", "testing"])?;
    let name = |text: &str| -> Result<BranchName, String> {
        fill(text, host)
            .parse()
            .map_err(|e: crate::model::InvalidName| e.to_string())
    };
    let main = branches.text_as("main", "main", name)?;
    let testing = branches.text_as("testing", "testing-{host}", |text| match text {
        "" => Ok(None),
        text => name(text).map(Some),
    })?;
    if testing.as_ref() == Some(&main) {
        let message = "it is the main branch already; write \"\" for no testing branch";
        return Err(branches.problem("testing", message));
    }
    Ok((main, testing))
}

/// Without a token there is nobody to be.
fn auth(section: &Section<'_>) -> Result<Option<Auth>, Problem> {
    let auth = section.section("auth", &AUTH_KEYS)?;
    auth.not_yet("ssh_key_file")?;
    auth.not_yet("known_hosts_file")?;
    let username = auth.text("username", "git")?;
    let token_file = auth.optional_path("token_file")?;
    Ok(token_file.map(|token_file| Auth {
        username,
        token_file,
    }))
}

fn proxy(section: &Section<'_>) -> Result<Option<String>, Problem> {
    section.text_as("proxy", "", |url| match url.split_once("://") {
        _ if url.is_empty() => Ok(None),
        Some(("http" | "https", rest)) if !rest.is_empty() => {
            no_password(url).map(|()| Some(url.into()))
        }
        _ => Err("it must begin with http:// or https://".into()),
    })
}

/// Puts the host's name in place of `{host}`.
pub(super) fn fill(text: &str, host: &HostName) -> String {
    text.replace("{host}", host.as_str())
}

/// A url kiln can fetch from, else what to write instead.
fn checked_url(url: &str) -> Result<String, String> {
    no_password(url)?;
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err("a url may not contain white space".into());
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match scheme {
        "https" | "git" if rest.trim_start_matches('/') == rest && !rest.is_empty() => {
            Ok(url.into())
        }
        "https" | "git" => Err("the host is missing".into()),
        "file" | "" if rest.starts_with('/') => Ok(url.into()),
        "file" => Err("after file:// comes an absolute path".into()),
        "ssh" => Err(SSH.into()),
        "" if is_scp(rest) => Err(SSH.into()),
        "" => Err("a path must be absolute; a url begins with https://, git:// or file://".into()),
        "http" => Err("http is neither encrypted nor checked; use https".into()),
        _ => Err(format!(
            "{scheme}:// is not supported; use https, git, file or an absolute path"
        )),
    }
}

const SSH: &str = "ssh is not in this version yet; use https, git, file or an absolute path";

/// `user@host:path`, the short form of ssh.
fn is_scp(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
}

fn no_password(url: &str) -> Result<(), String> {
    match url.split_once("://").and_then(|(_, rest)| password(rest)) {
        None => Ok(()),
        Some(_) => Err("a url may not hold a password: put it in a file of mode 0600 and name that in `auth = { token_file = \"..\" }`".into()),
    }
}
