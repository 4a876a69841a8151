import Synchronization

/// What joins the two sides of one call; it lets go of both when the call has ended.
final class InProcessPipe: Sendable {
  private enum State {
    /// Can move to: closed.
    case open(client: ClientCall, server: ServerCall?)
    /// Can move to: nothing.
    case closed
  }

  private let state: Mutex<State>
  private let closed = Mutex<(@Sendable () -> Void)?>(nil)

  init(_ client: ClientCall) {
    state = Mutex(.open(client: client, server: nil))
  }

  func connect(_ server: ServerCall) {
    state.withLock { state in
      switch state {
      case .open(let client, _): state = .open(client: client, server: server)
      case .closed: break
      }
    }
  }

  func whenClosed(_ action: @escaping @Sendable () -> Void) {
    closed.withLock { $0 = action }
  }

  var client: ClientCall? {
    state.withLock { state in
      switch state {
      case .open(let client, _): client
      case .closed: nil
      }
    }
  }

  var server: ServerCall? {
    state.withLock { state in
      switch state {
      case .open(_, let server): server
      case .closed: nil
      }
    }
  }

  /// Parts the two sides; nil when they are parted.
  func close() -> (ClientCall, ServerCall?)? {
    let sides: (ClientCall, ServerCall?)? = state.withLock { state in
      switch state {
      case .open(let client, let server):
        state = .closed
        return (client, server)
      case .closed: return nil
      }
    }
    closed.withLock { $0.take() }?()
    return sides
  }
}

/// The client's half: its operations are the server's events.
final class ToServer: CallTransport {
  private let pipe: InProcessPipe

  init(pipe: InProcessPipe) { self.pipe = pipe }

  func perform(_ operation: ClientOperation) {
    switch operation {
    case .message(let message): pipe.server?.receive(message.framed)
    case .end: pipe.server?.receiveEnd()
    case .cancel: pipe.close()?.1?.reset()
    }
  }

  func consumed(_ bytes: Int) {
    pipe.server?.sent(bytes)
  }
}

/// The server's half: its operations are the client's events.
final class ToClient: CallTransport {
  private let pipe: InProcessPipe
  private let limits: CallLimits

  init(pipe: InProcessPipe, limits: CallLimits) {
    self.pipe = pipe
    self.limits = limits
  }

  func perform(_ operation: ServerOperation) {
    switch operation {
    case .answer(let head, let message, let trailers):
      perform(.initialMetadata(head))
      perform(.message(message))
      perform(.trailers(trailers))
    case .initialMetadata(let head):
      guard let client = pipe.client else { return }
      do {
        client.receive(try ResponseHead(fields: head.fields, limits: limits))
      } catch {
        client.fail(error)
      }
    case .message(let message): pipe.client?.receive(message.framed)
    case .trailers(let trailers), .abort(let trailers):
      let received = ResponseTrailers(
        fields: trailers.fields, isTrailersOnly: false, limits: limits)
      pipe.close()?.0.receive(received)
    }
  }

  func consumed(_ bytes: Int) {
    pipe.client?.sent(bytes)
  }
}

extension OutboundMessage {
  fileprivate var framed: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(framedCount)
    append(to: &bytes)
    return bytes
  }
}
