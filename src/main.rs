//! The `kiln` program: parse, run one command, exit code.

fn main() -> std::process::ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if words == ["internal", "eval"] {
        return kiln::backend::native::eval::internal_main();
    }
    kiln::cli::main()
}
