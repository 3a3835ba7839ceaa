# kiln, from Cargo.lock. `source` is the tree of this repository.
{
  lib,
  rustPlatform,
  source,
}:
let
  manifest = (builtins.fromTOML (builtins.readFile ../Cargo.toml)).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;
  src = source;
  cargoLock.lockFile = ../Cargo.lock;

  # They need user namespaces and a network of their own, which Nix's sandbox
  # does not give; tests/run runs them.
  doCheck = false;

  meta = {
    inherit (manifest) description;
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    mainProgram = "kiln";
    platforms = lib.platforms.linux;
  };
}
