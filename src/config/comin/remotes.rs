//! comin's remotes.

use super::Notes;
use super::fields::{Fields, Found};
use super::translate::toml;
use super::yaml::{Place, YamlError};
use crate::config::error::password;

/// What comin did with a commit of either branch: `switch`, `test` or `boot`.
pub(super) struct Operations {
    pub main: String,
    pub testing: String,
}

impl Default for Operations {
    fn default() -> Self {
        Operations {
            main: "switch".into(),
            testing: "test".into(),
        }
    }
}

/// Adds one `[[remotes]]` each to `out`; answers with the first one's operations,
/// as kiln's hook does the same for all.
pub(super) fn translate(
    top: &mut Fields,
    out: &mut String,
    notes: &mut Notes,
) -> Result<Operations, YamlError> {
    let mut first: Option<Operations> = None;
    for (number, node) in top.list("remotes")?.into_iter().enumerate() {
        let at = node.at;
        let mut fields = Fields::of(format!("remotes[{number}]"), node)?;
        let operations = remote(&mut fields, at, out, notes)?;
        let before = first.get_or_insert_with(|| Operations {
            main: operations.main.clone(),
            testing: operations.testing.clone(),
        });
        if (&before.main, &before.testing) != (&operations.main, &operations.testing) {
            let message = "kiln's hook does the same for every remote: the first one's operations are \
                           taken";
            notes.add(at, fields.path("branches"), message);
        }
        notes.unknown(fields);
    }
    Ok(first.unwrap_or_default())
}

fn remote(
    fields: &mut Fields,
    at: Place,
    out: &mut String,
    notes: &mut Notes,
) -> Result<Operations, YamlError> {
    let name = fields.text("name")?;
    let name = name.map_or_else(|| fields.path("").replace(['[', ']', '.'], ""), |n| n.value);
    out.push_str(&format!("\n[[remotes]]\nname = {}\n", toml(&name)));
    match fields.text("url")? {
        Some(found) => url(&found, &fields.path("url"), out, notes),
        None => notes.add(at, fields.path("url"), "not set; a remote needs one"),
    }
    let operations = branches(fields, out, notes)?;
    // A remote that comin does not poll is asked by hand.
    let mut poller = fields.map("poller")?;
    let period = poller.number("period")?.map_or(0, |found| found.value);
    out.push_str(&format!("poll_interval = \"{period}s\"\n"));
    notes.unknown(poller);
    let timeout = fields.number("timeout")?.map_or(0, |found| found.value);
    let timeout = if timeout == 0 { 300 } else { timeout };
    out.push_str(&format!("timeout = \"{timeout}s\"\n"));
    auth(fields, out, notes)?;
    Ok(operations)
}

/// A password is never repeated, neither here nor in a message.
fn url(found: &Found<String>, key: &str, out: &mut String, notes: &mut Notes) {
    let mut url = found.value.clone();
    let scheme = url.find("://").map(|at| at + 3);
    let secret = scheme.and_then(|from| {
        let range = password(&url[from..])?;
        Some(from + range.start - 1..from + range.end)
    });
    if let Some(range) = secret {
        url.replace_range(range, "");
        let message = "the password in it is left out: put it in a file of mode 0600 and name that in \
                       auth = { token_file = \"..\" }";
        notes.add(found.at, key, message);
    }
    out.push_str(&format!("url = {}\n", toml(&url)));
}

fn branches(
    fields: &mut Fields,
    out: &mut String,
    notes: &mut Notes,
) -> Result<Operations, YamlError> {
    let mut branches = fields.map("branches")?;
    let mut operations = Operations::default();
    let main = branch(&mut branches, "main", &mut operations.main, notes)?;
    let testing = branch(&mut branches, "testing", &mut operations.testing, notes)?;
    let main = main.unwrap_or_else(|| {
        let message = "no name: main is taken";
        notes.whole(branches.path("main"), message);
        "main".into()
    });
    out.push_str(&format!(
        "branches = {{ main = {}, testing = {} }}\n",
        toml(&main),
        toml(&testing.unwrap_or_default())
    ));
    notes.unknown(branches);
    Ok(operations)
}

fn branch(
    branches: &mut Fields,
    key: &str,
    operation: &mut String,
    notes: &mut Notes,
) -> Result<Option<String>, YamlError> {
    let mut fields = branches.map(key)?;
    let name = fields.text("name")?.map(|found| found.value);
    if let Some(Found { at, value }) = fields.text("operation")? {
        match value.as_str() {
            "switch" | "test" | "boot" => *operation = value,
            _ => {
                let message = format!(
                    "{}: it is none of switch, test, boot",
                    fields.path("operation")
                );
                return Err(at.error(message));
            }
        }
    }
    if let Some(found) = fields.flag("protected")? {
        let message = "comin does not use it; kiln never takes a main that was rewritten";
        notes.add(found.at, fields.path("protected"), message);
    }
    notes.unknown(fields);
    Ok(name)
}

fn auth(fields: &mut Fields, out: &mut String, notes: &mut Notes) -> Result<(), YamlError> {
    let mut auth = fields.map("auth")?;
    let username = auth.text("username")?.map(|found| found.value);
    if let Some(found) = auth.text("accesstoken")? {
        let message = "a secret does not belong here, and is not repeated: put it in a file of mode \
                       0600 and name that in\nauth = { token_file = \"..\" }";
        notes.add(found.at, auth.path("accesstoken"), message);
    }
    match auth.text("access_token_path")? {
        Some(found) if found.value.starts_with('/') => out.push_str(&format!(
            "auth = {{ username = {}, token_file = {} }}\n",
            toml(&username.unwrap_or_else(|| "comin".into())),
            toml(&found.value)
        )),
        Some(found) => {
            let message =
                "a relative path: name the file from the root in auth = { token_file = \"..\" }";
            notes.add(found.at, auth.path("access_token_path"), message);
        }
        // comin shows nobody a name without a token.
        None => {}
    }
    notes.unknown(auth);
    Ok(())
}
