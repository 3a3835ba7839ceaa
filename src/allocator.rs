//! The program's allocator: the system's, and a last word when it has no more
//! to give. A process with a memory limit of its own (the evaluator's) can so
//! say where the limit was reached, before a library panics or aborts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;

#[global_allocator]
static ALLOCATOR: Telling = Telling;

/// Called on the thread that got no memory.
static ON_FAILURE: OnceLock<fn()> = OnceLock::new();

/// Has `tell` called whenever memory is refused, before the caller learns of it.
/// It may end the process; it must not panic, and is called again when it
/// allocates in vain itself. The first call counts.
pub fn on_failure(tell: fn()) {
    let _ = ON_FAILURE.set(tell);
}

struct Telling;

impl Telling {
    fn told(memory: *mut u8) -> *mut u8 {
        if memory.is_null()
            && let Some(tell) = ON_FAILURE.get()
        {
            tell();
        }
        memory
    }
}

// SAFETY: every call goes to the system's allocator as it came, and its answer
// goes back unchanged.
unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract, which is the same.
        Telling::told(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        Telling::told(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        Telling::told(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
