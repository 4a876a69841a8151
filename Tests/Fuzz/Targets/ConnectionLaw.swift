import GRPC
import GRPCTransport
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

/// A server's connection without a socket: any bytes are answered or refused, and when the
/// connection is over, so is every handler.
enum ConnectionLaw {
  /// The first byte says in which pieces the rest is fed.
  static func check(_ input: [UInt8]) throws(BrokenLaw) {
    guard let cut = input.first else { return }
    let server = ServedChannel()
    guard let server else { throw BrokenLaw("a connection can't be made") }
    let bytes = HTTP2Law.preface + input.dropFirst()
    let size = cut == 0 ? bytes.count : Int(cut)
    var offset = 0
    while offset < bytes.count, server.isOpen {
      let piece = bytes[offset..<min(offset + size, bytes.count)]
      offset += piece.count
      let answered = server.receive(piece)
      try law(answered < 1 << 20, "\(answered) bytes answer \(piece.count)")
    }
    server.close()
    try law(server.handlers == 0, "\(server.handlers) handlers outlive their connection")
    try law(server.connections == 0, "a connection that is closed is still counted")
  }
}

/// A message that is its bytes.
private struct Raw: WireMessage {
  var bytes: [UInt8]
  init(wireBytes: [UInt8]) { bytes = wireBytes }
  func wireBytes() -> [UInt8] { bytes }
}

/// The server's end of a channel, at a time that stands still: its timers never go off.
private final class ServedChannel {
  private let channel = EmbeddedChannel()
  private let acceptor: ConnectionAcceptor
  private let running = Counter()

  var isOpen: Bool { channel.isActive }
  var handlers: Int { running.count }
  var connections: Int { acceptor.connectionCount }

  init?() {
    let running = running
    var router = Router()
    router.unary(MethodDescriptor(service: "t.E", method: "U", kind: .unary)) { (request: Raw, _) in
      running.add(1)
      defer { running.add(-1) }
      return request
    }
    router.bidirectionalStreaming(
      MethodDescriptor(service: "t.E", method: "B", kind: .bidirectionalStreaming)
    ) { (requests: RequestStream<Raw>, responses: ResponseWriter<Raw>, _) in
      running.add(1)
      defer { running.add(-1) }
      for try await request in requests { try await responses.write(request) }
    }
    acceptor = ConnectionAcceptor(
      router, ServerConfiguration(), logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
    )
    do {
      try acceptor.accept(channel).wait()
      try channel.connect(to: SocketAddress(unixDomainSocketPath: "/fuzz")).wait()
    } catch {
      return nil
    }
    settle()
  }

  /// Answers how many bytes the connection writes.
  func receive(_ piece: ArraySlice<UInt8>) -> Int {
    channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
    channel.pipeline.fireChannelReadComplete()
    return settle()
  }

  /// The connection is lost, if it has not ended.
  func close() {
    channel.close(promise: nil)
    settle()
  }

  @discardableResult
  private func settle() -> Int {
    channel.embeddedEventLoop.run()
    var bytes = 0
    while let written = try? channel.readOutbound(as: ByteBuffer.self) {
      bytes += written.readableBytes
    }
    return bytes
  }
}

private final class Counter: Sendable {
  private let value = Atomic(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add(_ more: Int) { value.add(more, ordering: .relaxed) }
}
