//! (to come)
// SKELETON
/// Entry of the `internal` subcommand.
pub fn internal_main() -> std::process::ExitCode {
    todo!()
}
