import Glibc

/// One arena a thread, used again by each message that the thread encodes or decodes.
///
/// A message within another, as when reading one decodes a `google.protobuf.Any`, has one of its own.
@usableFromInline
enum ArenaPool {
  /// Nil: the process has no key left, and every message has an arena of its own.
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    let failure = pthread_key_create(&key) { arena in
      // SAFETY: only `take` sets the value, to an arena that it retains.
      if let arena { Unmanaged<MessageArena>.fromOpaque(arena).release() }
    }
    return failure == 0 ? key : nil
  }()

  /// An arena for one message; to be given back by the same thread.
  @usableFromInline
  static func take() -> MessageArena {
    guard let key else { return MessageArena() }
    if let kept = pthread_getspecific(key) {
      // SAFETY: as above; the thread keeps its retain.
      let arena = Unmanaged<MessageArena>.fromOpaque(kept).takeUnretainedValue()
      return arena.beginUse() ? arena : MessageArena()
    }
    let arena = MessageArena()
    let kept = Unmanaged.passRetained(arena)
    if pthread_setspecific(key, kept.toOpaque()) != 0 { kept.release() }
    _ = arena.beginUse()
    return arena
  }

  /// Nothing that the arena has handed out may be used from now on.
  @usableFromInline
  static func giveBack(_ arena: MessageArena) { arena.reset() }
}
