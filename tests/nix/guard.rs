//! Whose machine a configuration is for.

use crate::support::*;
use kiln::backend::nix::NixKind;

#[tokio::test]
async fn b04_a_system_that_is_written_out_is_still_its_configurations() {
    if !has_nix() {
        return;
    }
    let mut world = World::new(NixKind::Flake);
    let top = step("system", "echo > $out");
    let of = |services: &str| {
        format!(
            "{{ services = {{ {services} }}; system.build.toplevel = {top}; system.build.iso = {top}; }}"
        )
    };
    let outputs = format!(
        "nixosConfigurations.\"{HOST}\".config = {}; config = {}; other = {top};",
        of("kiln.machineId = \"of-the-host\";"),
        of("comin.machineId = \"of-the-file\";"),
    );
    let file = format!("{{ {outputs} }}");
    world.repository.write("default.nix", &file);
    let commit = world.flake(&outputs);
    for kind in [NixKind::Flake, NixKind::Plain] {
        world.config.kind = kind;
        for (attribute, id) in [
            ("nixosConfigurations.\"{host}\"", Some("of-the-host")),
            (
                "nixosConfigurations.\"{host}\".config.system.build.toplevel",
                Some("of-the-host"),
            ),
            // A file, or an output, that is itself a configuration.
            (
                "config.system.build.toplevel",
                (kind == NixKind::Plain).then_some("of-the-file"),
            ),
            (
                "nixosConfigurations.\"{host}\".config.system.build.iso",
                None,
            ),
            ("other", None),
        ] {
            world.config.attribute = attribute.parse().unwrap();
            let evaluated = world.evaluated(&commit).await;
            assert_eq!(
                evaluated.machine_id.as_deref(),
                id,
                "{attribute} of {kind:?}"
            );
        }
    }
}

#[tokio::test]
async fn f02_a_system_that_is_no_derivation_is_named() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let failure = world
        .failure(&world.flake(&system("", "\"/nix/store/x\"")))
        .await;
    assert_eq!(
        failure.message,
        "nixosConfigurations.web-1.config.system.build.toplevel is a string, and no derivation"
    );
}
