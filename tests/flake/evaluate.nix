# The flake's outputs with as little nixpkgs as they need, so that no network
# and no lock is needed to see that they evaluate and say what they should.
let
  lib = {
    genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
    literalExpression = text: text;
    mkEnableOption = description: { inherit description; };
    mkIf = condition: value: if condition then value else { };
    mkOption = option: option;
    types = {
      package = "package";
      str = "str";
      nullOr = type: "null or ${type}";
    };
    licenses = { mit = "MIT"; asl20 = "Apache-2.0"; };
    platforms.linux = [ "x86_64-linux" ];
  };
  pkgsFor =
    system:
    let
      named = name: { outPath = "/nix/store/${name}"; inherit name; };
      names = [ "busybox" "cargo-deny" "clippy" "coreutils" "git" "nix" "openssh" "openssl" "python3" "rust-analyzer" "rustfmt" ];
      pkgs = lib.genAttrs names named // {
        inherit lib;
        stdenv.hostPlatform.system = system;
        rustPlatform.buildRustPackage = arguments: arguments // { outPath = "/nix/store/kiln"; };
        testers.runNixOSTest = test: test;
        mkShell = shell: shell;
        formats.toml = _: {
          type = "toml";
          generate = name: value: { outPath = "/nix/store/${name}"; inherit value; };
        };
        callPackage =
          file: arguments:
          let function = import file;
          in function (builtins.intersectAttrs (builtins.functionArgs function) pkgs // arguments);
      };
    in
    pkgs;
  nixpkgs = {
    inherit lib;
    legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] pkgsFor;
  };
  flake = import ../../flake.nix;
  self = flake.outputs { inherit self nixpkgs; } // { outPath = "/source"; };

  module = self.nixosModules.default {
    inherit lib;
    pkgs = nixpkgs.legacyPackages.x86_64-linux;
    config.nix.package = nixpkgs.legacyPackages.x86_64-linux.nix;
    config.services.kiln = {
      enable = true;
      package = self.packages.x86_64-linux.default;
      settings.host = "web-1";
    };
  };
  package = self.packages.x86_64-linux.default;
in
{
  inherit (flake) description;
  inputs = builtins.attrNames flake.inputs;
  systems = builtins.attrNames self.packages;
  package = {
    inherit (package) pname version meta;
    source = "${package.src}";
    lock = builtins.pathExists package.cargoLock.lockFile;
  };
  shell = map (tool: tool.name) self.devShells.aarch64-linux.default.packages;
  checks = builtins.attrNames self.checks.x86_64-linux;
  check = self.checks.x86_64-linux.module.name;
  options = builtins.attrNames module.options.services.kiln;
  defaultPackage = module.options.services.kiln.package.default.pname;
  settings = module.config.environment.etc."kiln/kiln.toml".source.value;
  machineId = module.options.services.kiln.machineId.default;
  hook = builtins.baseNameOf module.config.environment.etc."kiln/hooks/apply-nixos".source;
  path = map (program: program.name) module.config.systemd.services.kiln.path;
  groups = builtins.attrNames module.config.users.groups;
  service = module.config.systemd.services.kiln.serviceConfig;
}
