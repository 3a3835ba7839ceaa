//! The `kiln` program: parse, run one command, exit code.

fn main() -> std::process::ExitCode {
    kiln::cli::main()
}
