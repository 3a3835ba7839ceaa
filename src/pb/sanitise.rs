//! What a newer peer sends must still print: the JSON mapping refuses an enum
//! number it has no name for, so such numbers become 0 (`.._UNSPECIFIED`) first.

/// Sets enum numbers this build does not know to 0, here and in all below.
pub trait Sanitise {
    /// Does it; a message without enums has nothing to do.
    fn sanitise(&mut self) {}
}

/// The same for one enum field.
pub(super) fn known<E: TryFrom<i32>>(number: &mut i32) {
    if E::try_from(*number).is_err() {
        *number = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Sanitise;
    use crate::pb::{Condition, Evaluation, Event, Generation, Status, StepFinished, event};

    #[test]
    fn c05_unknown_enum_numbers_still_print() {
        let mut status = Status {
            condition: 999,
            conditions: vec![999, Condition::Stale as i32],
            current: Some(Generation {
                evaluation: Some(Evaluation {
                    status: 77,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert!(
            serde_json::to_string(&status).is_err(),
            "the reason this exists"
        );
        status.sanitise();
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["condition"], "CONDITION_UNSPECIFIED");
        assert_eq!(json["conditions"][1], "CONDITION_STALE");
        assert_eq!(
            json["current"]["evaluation"]["status"],
            "EVALUATION_STATUS_UNSPECIFIED"
        );
    }

    #[test]
    fn c05_unknown_enum_numbers_inside_events_still_print() {
        let finished = StepFinished {
            status: 99,
            ..Default::default()
        };
        let mut event = Event {
            event: Some(event::Event::StepFinished(finished)),
            ..Default::default()
        };
        event.sanitise();
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["stepFinished"]["status"], "BUILD_STATUS_UNSPECIFIED");
        assert_eq!(json["seq"], "0");
    }
}
