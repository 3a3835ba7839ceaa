//! The `kiln` program: parse, run one command, exit code.

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(1);
    let internal = args.next().is_some_and(|arg| arg == "internal");
    if internal && args.next().is_some_and(|arg| arg == "fetch") {
        return kiln::source::fetch_child::internal_main();
    }
    kiln::cli::main()
}
