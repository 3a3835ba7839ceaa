use crate::cli::Context;
use crate::cli::error::{CliError, Outcome, Problem};
use crate::model::HostName;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Write a first kiln.star for this host; touches nothing that exists.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Where.
    #[arg(default_value = ".", hide_default_value = true)]
    dir: PathBuf,
}

impl Init {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<Outcome, CliError> {
        let path = self.dir.join("kiln.star");
        write_new(&path, &first_file(&this_host()))?;
        if context.out.json {
            let line = serde_json::json!({"path": path});
            context.out.text(&line.to_string())?;
        } else {
            context.out.text(&next_steps(&self.dir, &path))?;
        }
        Ok(Outcome::Done)
    }
}

fn this_host() -> String {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    let usable = name.filter(|name| name.parse::<HostName>().is_ok());
    usable.unwrap_or_else(|| "localhost".into())
}

fn write_new(path: &Path, content: &str) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let told = |error: std::io::Error| {
        let problem = Problem::failed(format!("writing {} failed: {error}", path.display()));
        CliError::from(match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                let dev = format!(
                    "to evaluate and build what is committed: kiln dev --once {}",
                    folder.display()
                );
                Problem::failed(format!("{} exists: nothing was touched", path.display())).hint(dev)
            }
            _ => problem,
        })
    };
    std::fs::create_dir_all(folder).map_err(told)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(told)?;
    file.write_all(content.as_bytes()).map_err(told)
}

fn next_steps(dir: &Path, path: &Path) -> String {
    let inside = if dir == Path::new(".") {
        String::new()
    } else {
        format!(" -C {}", dir.display())
    };
    let once = if dir == Path::new(".") {
        String::new()
    } else {
        format!(" {}", dir.display())
    };
    let git = match dir
        .ancestors()
        .chain([Path::new(".")])
        .any(|folder| folder.join(".git").exists())
    {
        true => String::new(),
        false => format!("  git{inside} init\n"),
    };
    format!(
        "wrote {}; next:\n{git}  git{inside} add kiln.star\n  git{inside} commit -m 'First host'\n  kiln dev --once{once}\n",
        path.display()
    )
}

fn first_file(host: &str) -> String {
    TEMPLATE.replace("@host@", host)
}

const TEMPLATE: &str = r#"# What this repository's hosts are made of. kiln evaluates this file for each
# host and builds the tree given to host(); try it with: kiln dev --once

# A step runs in a sandbox, with the host's tools and without network. It puts
# its result at $out.
hello = derivation(
    name = "hello",
    script = r"""
        mkdir -p "$out/bin"
        printf '#!/bin/sh\necho "hello from kiln"\n' > "$out/bin/hello"
        chmod +x "$out/bin/hello"
        "$out/bin/hello" | grep -q hello    # a test is a line of the step
    """,
)

# A host's tree is laid out as its file system. Text becomes a file, a step's
# output a link to it.
host("@host@", tree("@host@", {
    "etc/motd": "This host is built from one repository.\n",
    "usr/local/bin/hello": symlink(hello + "/bin/hello"),
}))
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_names_this_host_and_an_existing_one_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/kiln.star");
        write_new(&path, &first_file("web-1")).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(
            written.contains("host(\"web-1\", tree(\"web-1\""),
            "{written}"
        );
        assert!(!written.contains('@'), "{written}");
        assert!(matches!(
            write_new(&path, "other"),
            Err(CliError::Problem(_))
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
    }
}
