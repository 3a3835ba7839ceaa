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
    environment.systemPackages = [ cfg.package ];
    users.groups.kiln = { };

    systemd.services.kiln = {
      description = "kiln, a GitOps agent";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      path = [ pkgs.git ];
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
        Delegate = true;
      };
    };
  };
}
