//! The way from comin.

use crate::common::*;
use crate::support::*;

#[test]
fn a_comin_repository_and_its_translated_configuration_lead_to_the_same_system() {
    if !has_nix() {
        return;
    }
    let world = World::new();
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let of = |id: &str| format!("comin.machineId = \"{id}\"; kiln = {{ }};");
    let services = match machine.trim() {
        "" => "comin.machineId = null;".to_owned(),
        id => of(id),
    };
    world.flake("migrated", &services);
    world.infra.commit_all("as for comin");
    // What comin's NixOS module writes for it.
    let yaml = world.home.path("comin.yaml");
    let text = format!(
        "hostname: web-1\nstate_dir: /var/lib/comin\nrepository_type: flake\nrepository_subdir: .\n\
         submodules: false\nsystem_attr: null\ngpg_public_key_paths: []\nremotes:\n- name: local\n  \
         url: {}\n  timeout: 300\n  poller: {{period: 1}}\n  auth: {{access_token_path: '', username: comin}}\n  \
         branches:\n    main: {{name: main, operation: switch}}\n    \
         testing: {{name: testing-web-1, operation: test}}\n",
        world.infra.path.display()
    );
    std::fs::write(&yaml, text).unwrap();
    let imported = world
        .home
        .kiln(&["config", "import-comin", yaml.to_str().unwrap()])
        .ok();
    std::fs::create_dir(world.home.path("conf.d")).unwrap();
    let of_the_test = format!(
        "state_dir = {:?}\n{}[grpc]\nsocket = {:?}\nmode = \"0600\"\ngroup = \"\"\n",
        world.home.path("agent"),
        world.nix_table(""),
        world.home.path("kiln.sock"),
    );
    std::fs::write(world.home.path("conf.d/test.toml"), of_the_test).unwrap();
    let agent = Agent::configured(&world.home, &imported.stdout);
    let built = agent.built(1);
    assert_eq!(built["build"]["outPath"], world.evaluated(TOPLEVEL));
    assert_eq!(built["build"]["outPath"], world.built(TOPLEVEL));
    assert_eq!(built["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(built["evaluation"]["machineId"], machine.trim());
    // The guard of comin's module is kiln's too.
    world.flake("elsewhere", &of("0123456789abcdef0123456789abcdef"));
    world.infra.commit_all("for another machine");
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    let held = agent.kiln(&["show", "2", "--json"]).ok().json();
    assert_eq!(
        held["build"]["blocked"]["reason"],
        "BLOCKED_REASON_MACHINE_ID"
    );
}
