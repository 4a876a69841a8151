import GRPC
import GRPCTransport
import HTTP2
import NIOCore
import NIOPosix
import Testing

/// Answers each request by a script, as no gRPC server would.
final class ScriptedServer: ChannelInboundHandler, @unchecked Sendable {
  // SAFETY: `@unchecked`, since it is used on its channel's event loop only.
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  typealias Script = @Sendable (inout HTTP2Session, HTTP2Stream) throws -> Void

  private var session: HTTP2Session
  private let script: Script

  init(_ script: @escaping Script) throws {
    session = try HTTP2Session(role: .server)
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let input = unwrapInboundIn(data)
    do {
      try session.receive(input.readableBytesSpan)
      while let event = session.nextEvent() {
        if case .end(let stream) = event { try script(&session, stream) }
      }
      var output = ByteBuffer()
      _ = try session.transmit { frame in _ = frame.withUnsafeBytes { output.writeBytes($0) } }
      context.writeAndFlush(wrapOutboundOut(output), promise: nil)
      if session.isFinished { context.close(promise: nil) }
    } catch {
      context.close(promise: nil)
    }
  }
}

extension ScriptedServer {
  /// A client of a server that answers every request by a script, for as long as `body` runs.
  static func serve(
    _ script: @escaping Script, _ body: (GRPCClient) async throws -> Void
  ) async throws {
    try await serve(by: { try ScriptedServer(script) }, body)
  }

  /// A client of a server with any handler for its connections, for as long as `body` runs.
  static func serve(
    by makeHandler: @escaping @Sendable () throws -> any ChannelHandler & Sendable,
    _ body: (GRPCClient) async throws -> Void
  ) async throws {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(makeHandler())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(listener.localAddress?.port)
    let client = GRPCClient(.tcp(host: "127.0.0.1", port: port))
    try await body(client)
    await client.close()
    try await listener.close()
  }
}
