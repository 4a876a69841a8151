import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The TLS context in use, made anew when its files change.
///
/// A handshake asks for it and, when a look at the files is due, waits for the look, which happens on
/// a thread that may block. A reload that fails keeps what was there.
final class TLSContexts: Sendable {
  private struct State {
    var loaded: TLSMaterial.Loaded?
    var lastLook: NIODeadline?
    /// The stamps at the last failure, so that one bad file is reported once.
    var failed: [String: FileStamp]?
  }

  private let material: TLSMaterial
  private let interval: TimeAmount?
  private let logger: Logger
  private let state = Mutex(State())

  init(_ material: TLSMaterial, interval: Duration?, logger: Logger) {
    self.material = material
    self.interval = interval.map { TimeAmount($0) }
    self.logger = logger
  }

  /// The context for a handshake that begins now.
  func current(on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext> {
    let now = NIODeadline.now()
    let ready = state.withLock { state -> NIOSSLContext? in
      guard let loaded = state.loaded else { return nil }
      guard let interval, let last = state.lastLook, now - last >= interval else {
        return loaded.context
      }
      state.lastLook = now
      return nil
    }
    if let ready { return eventLoop.makeSucceededFuture(ready) }
    return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { [self] in try refreshed() }
  }

  /// Reads everything again, whether it has changed or not. Blocks.
  func reload() throws(TransportError) {
    let loaded = try material.load()
    state.withLock { state in
      state.loaded = loaded
      state.lastLook = .now()
      state.failed = nil
    }
  }

  /// Reads what has changed since. Blocks. Throws if there is nothing to go on with.
  private func refreshed() throws(TransportError) -> NIOSSLContext {
    let (loaded, failed) = state.withLock { ($0.loaded, $0.failed) }
    guard let loaded else {
      try reload()
      return try refreshed()
    }
    var stamps: [String: FileStamp] = [:]
    for path in material.paths { stamps[path] = FileStamp(path: path) }
    guard stamps != loaded.stamps, stamps != failed else { return loaded.context }
    do {
      try reload()
      logger.info("the certificates were reloaded")
    } catch {
      state.withLock { $0.failed = stamps }
      logger.error(
        "the changed certificates can't be used; those read before stay in use",
        metadata: ["error": "\(error)"])
    }
    return state.withLock { $0.loaded?.context } ?? loaded.context
  }
}
