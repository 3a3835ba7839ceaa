{
  description = "kiln: a GitOps agent for any Linux host";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEachSystem (pkgs: {
        default = pkgs.callPackage ./nix/package.nix { source = self; };
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.stdenv.hostPlatform.system}.default ];
          packages = [
            pkgs.cargo-deny
            pkgs.clippy
            pkgs.rust-analyzer
            pkgs.rustfmt
            # What the tests run for real.
            pkgs.busybox
            pkgs.git
            pkgs.nix
            pkgs.openssl
            pkgs.python3
          ];
        };
      });

      nixosModules.default = import ./nix/module.nix {
        packageFor = system: self.packages.${system}.default;
      };

      checks = forEachSystem (pkgs: {
        package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        module = pkgs.callPackage ./nix/check.nix { module = self.nixosModules.default; };
      });
    };
}
