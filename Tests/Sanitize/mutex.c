// Preloaded by `Deploy/sanitize thread`. A `Mutex` that is contended is taken and left in the standard library, which is
// not instrumented: ThreadSanitizer would not see that one holder comes after the other, and take what both do for a race.
// This tells it. Uncontended, the compiler's own code takes the lock, and is seen.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// Not there in a process without the sanitizer.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
typedef METHOD void (*Lock)(uint32_t, SELF);
typedef METHOD void (*Unlock)(SELF);

// Synchronization._MutexHandle._lockSlow(_: UInt32)
METHOD void lockSlow(uint32_t word, SELF) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
METHOD void lockSlow(uint32_t word, SELF) {
  static Lock next;
  if (!next) next = (Lock)dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
  next(word, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

// Synchronization._MutexHandle._unlockSlow()
METHOD void unlockSlow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
METHOD void unlockSlow(SELF) {
  static Unlock next;
  if (!next) next = (Unlock)dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
  if (__tsan_release) __tsan_release(self);
  next(self);
}
