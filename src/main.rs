//! The `kiln` program: parse, run one command, exit code.

fn main() -> std::process::ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == "internal")
        && args.next().is_some_and(|arg| arg == "sandbox")
    {
        return kiln::backend::native::provider::sandbox::internal_main();
    }
    kiln::cli::main()
}
