# services.kiln: the system agent on NixOS.
{ packageFor }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.kiln;
  format = pkgs.formats.toml { };
  file = format.generate "kiln.toml" cfg.settings;
in
{
  options.services.kiln = {
    enable = lib.mkEnableOption "kiln, a GitOps agent";

    package = lib.mkOption {
      type = lib.types.package;
      default = packageFor pkgs.stdenv.hostPlatform.system;
      defaultText = lib.literalExpression "kiln.packages.\${system}.default";
      description = "The kiln to run.";
    };

    machineId = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "22823ba6c96947e78b006c51a56fd89c";
      description = ''
        The /etc/machine-id of the machine this configuration is for. kiln reads it
        when it evaluates the configuration, and builds and applies it on no other
        machine: a configuration can move to a new machine without both taking it.
      '';
    };

    settings = lib.mkOption {
      inherit (format) type;
      default = { };
      example = lib.literalExpression ''
        {
          remotes = [
            {
              name = "origin";
              url = "https://git.example.org/infra.git";
            }
          ];
        }
      '';
      description = ''
        What is written to /etc/kiln/kiln.toml; examples/kiln.toml has every key.
        Secrets do not belong here, the Nix store is readable by all: name a
        file, such as `auth.token_file`.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    environment.etc."kiln/kiln.toml".source = file;
    # For [[hooks]]: command = [ "/etc/kiln/hooks/apply-nixos" ].
    environment.etc."kiln/hooks/apply-nixos".source = ../examples/hooks/apply-nixos;
    environment.systemPackages = [ cfg.package ];
    users.groups.kiln = { };

    systemd.services.kiln = {
      description = "kiln, a GitOps agent";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      # What kiln starts: flakes need Nix and git, a remote builder ssh.
      path = [
        config.nix.package
        pkgs.git
        pkgs.openssh
      ];
      reloadTriggers = [ file ];
      serviceConfig = {
        Type = "notify";
        ExecStart = "${cfg.package}/bin/kiln agent --config /etc/kiln/kiln.toml";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "on-failure";
        # A wrong configuration does not get right by trying again.
        RestartPreventExitStatus = 2;
        StateDirectory = "kiln";
        StateDirectoryMode = "0750";
        RuntimeDirectory = "kiln";
        # The agent ends its own process trees: 5 s of grace, 30 s at most each;
        # steps end with it even when it is killed. Hooks outlive it.
        KillMode = "process";
        TimeoutStopSec = 90;
        # The kernel keeps limits of steps by groups that kiln makes (docs/limits.md).
        Delegate = "memory pids";
      };
    };
  };
}
