# A machine on which the agent comes up and answers.
{ testers, module }:
testers.runNixOSTest {
  name = "kiln-module";
  nodes.machine = {
    imports = [ module ];
    services.kiln.enable = true;
    services.kiln.settings.remotes = [
      {
        name = "origin";
        url = "/srv/infra.git";
      }
    ];
  };
  testScript = ''
    machine.wait_for_unit("kiln.service")
    machine.succeed("kiln status --json")
  '';
}
