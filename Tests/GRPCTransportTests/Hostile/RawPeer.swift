import GRPCTransport
import NIOCore
import NIOPosix
import Synchronization

/// A connection of bytes that keeps a log of the frames it gets, and reads only if it is told to.
final class RawPeer: Sendable {
  let log: FrameLog
  private let channel: any Channel

  /// Attackers have a loop of their own, so that they do not wait for the server's.
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  private init(_ channel: any Channel, _ log: FrameLog) {
    self.channel = channel
    self.log = log
  }

  static func connect(
    _ endpoint: SocketEndpoint, reads: Bool = true, sending: [UInt8] = Frames.preface
  ) async throws -> RawPeer {
    let log = FrameLog()
    let bootstrap = ClientBootstrap(group: group)
      .channelOption(.autoRead, value: reads)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(FrameReader(log))
        }
      }
    let channel =
      switch endpoint {
      case .tcp(let host, let port): try await bootstrap.connect(host: host, port: port).get()
      case .unix(let path): try await bootstrap.connect(unixDomainSocketPath: path).get()
      }
    let peer = RawPeer(channel, log)
    _ = await peer.send(sending)
    return peer
  }

  /// Connects for as long as `body` runs.
  static func with<R>(
    _ endpoint: SocketEndpoint, reads: Bool = true, sending: [UInt8] = Frames.preface,
    _ body: (RawPeer) async throws -> R
  ) async throws -> R {
    let peer = try await connect(endpoint, reads: reads, sending: sending)
    do {
      let result = try await body(peer)
      await peer.close()
      return result
    } catch {
      await peer.close()
      throw error
    }
  }

  /// Returns once the kernel has taken the bytes; false when the server has closed the connection.
  func send(_ bytes: [UInt8]) async -> Bool {
    do {
      try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
      return true
    } catch {
      return false
    }
  }

  /// Sends bytes without waiting until the kernel has taken them.
  func queue(_ bytes: [UInt8]) {
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
  }

  func close() async { try? await channel.close() }
}

/// What came on a raw connection.
final class FrameLog: Sendable {
  struct Contents: Sendable {
    /// How many frames of each type came.
    var frames: [UInt8: Int] = [:]
    /// The code of the last GOAWAY.
    var goAway: UInt32?
    /// The code of each stream that was reset.
    var resets: [UInt32: UInt32] = [:]
    /// The streams that the server has ended: their answers are whole.
    var ended: Set<UInt32> = []
    var bytes = 0
    var isClosed = false
  }

  private struct Waiter {
    let condition: @Sendable (Contents) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var contents = Contents()
    var waiters: [Waiter] = []
  }

  private let state = Mutex(State())

  var contents: Contents { state.withLock(\.contents) }

  /// Returns when the contents are so, or when the connection is closed.
  @discardableResult
  func wait(until condition: @escaping @Sendable (Contents) -> Bool) async -> Contents {
    await withCheckedContinuation { continuation in
      let isSo = state.withLock { state in
        if state.contents.isClosed || condition(state.contents) { return true }
        state.waiters.append(Waiter(condition: condition, continuation: continuation))
        return false
      }
      if isSo { continuation.resume() }
    }
    return contents
  }

  @discardableResult
  func waitUntilClosed() async -> Contents { await wait { $0.isClosed } }

  fileprivate func note(_ change: (inout Contents) -> Void) {
    let ready = state.withLock { state in
      change(&state.contents)
      let contents = state.contents
      let split = state.waiters.filter { contents.isClosed || $0.condition(contents) }
      state.waiters.removeAll { contents.isClosed || $0.condition(contents) }
      return split
    }
    for waiter in ready { waiter.continuation.resume() }
  }
}

/// Takes the frames apart.
private final class FrameReader: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let log: FrameLog
  private var input = ByteBuffer()

  init(_ log: FrameLog) { self.log = log }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var more = unwrapInboundIn(data)
    let count = more.readableBytes
    input.writeBuffer(&more)
    log.note { contents in
      contents.bytes += count
      while let (header, payload) = readFrame() {
        contents.frames[header.kind, default: 0] += 1
        if header.kind <= Frames.Kind.headers.rawValue, header.flags & Frames.endStream != 0 {
          contents.ended.insert(header.stream)
        }
        switch header.kind {
        case Frames.Kind.goAway.rawValue:
          contents.goAway = payload.getInteger(at: payload.readerIndex + 4)
        case Frames.Kind.reset.rawValue:
          contents.resets[header.stream] = payload.getInteger(at: payload.readerIndex)
        default: break
        }
      }
    }
    input.discardReadBytes()
  }

  private func readFrame() -> (
    header: (kind: UInt8, flags: UInt8, stream: UInt32), payload: ByteBuffer
  )? {
    guard input.readableBytes >= 9,
      let header = input.getInteger(at: input.readerIndex, as: UInt64.self),
      let stream = input.getInteger(at: input.readerIndex + 5, as: UInt32.self)
    else { return nil }
    let length = Int(truncatingIfNeeded: header >> 40)
    guard input.readableBytes >= 9 + length else { return nil }
    input.moveReaderIndex(forwardBy: 9)
    guard let payload = input.readSlice(length: length) else { return nil }
    return (
      (
        UInt8(truncatingIfNeeded: header >> 32), UInt8(truncatingIfNeeded: header >> 24),
        stream & 0x7fff_ffff
      ), payload
    )
  }

  func channelInactive(context: ChannelHandlerContext) {
    log.note { $0.isClosed = true }
    context.fireChannelInactive()
  }

  /// A connection that is reset is closed: no more than that.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
