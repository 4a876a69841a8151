import GRPCTransport
import HTTP2
import NIOCore
import NIOPosix
import NIOSSL

/// What came back on one stream of a raw connection.
struct RawAnswer {
  /// All fields of all header blocks; the last of a name counts.
  var fields: [String: String] = [:]
  /// Every header block, each with its fields in order.
  var blocks: [[RawField]] = []
  var body: [UInt8] = []
  /// How the stream was closed; nil: the connection was lost before.
  var code: HTTP2ErrorCode?

  var status: String? { fields["grpc-status"] }

  /// The values of a name in one block, in order.
  func values(_ name: String, inBlock block: Int) -> [String] {
    blocks.indices.contains(block) ? blocks[block].filter { $0.name == name }.map(\.value) : []
  }
}

struct RawField: Equatable {
  var name: String
  var value: String
}

/// A connection of bytes, to say what a well-behaved client never would.
enum RawConnection {
  typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Connects for as long as `body` runs; by TLS if there is an authority to trust. With `piece`, no
  /// more bytes are read at once.
  static func open<R: Sendable>(
    _ endpoint: SocketEndpoint, trusting authority: TestAuthority? = nil, reading piece: Int? = nil,
    _ body:
      @escaping @Sendable (
        inout NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        NIOAsyncChannelOutboundWriter<ByteBuffer>
      ) async throws -> R
  ) async throws -> R {
    var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    if let piece {
      bootstrap = bootstrap.channelOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: piece))
    }
    let tls = try authority.map { try context(trusting: $0) }
    let make: @Sendable (any Channel) -> EventLoopFuture<Bytes> = { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls {
          try channel.pipeline.syncOperations.addHandler(
            NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
        }
        return try Bytes(wrappingChannelSynchronously: channel)
      }
    }
    let channel =
      switch endpoint {
      case .tcp(let host, let port):
        try await bootstrap.connect(host: host, port: port, channelInitializer: make)
      case .unix(let path):
        try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: make)
      }
    return try await channel.executeThenClose { inbound, outbound in
      var iterator = inbound.makeAsyncIterator()
      return try await body(&iterator, outbound)
    }
  }

  private static func context(trusting authority: TestAuthority) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = ["h2"]
    configuration.trustRoots = .file(authority.path("ca.pem"))
    return try NIOSSLContext(configuration: configuration)
  }

  /// Makes one request of these fields and this body, and reads until its stream is closed; with
  /// `piece` in writes and reads of so many bytes.
  static func ask(
    _ endpoint: SocketEndpoint, _ headers: HeaderBlock, body: [UInt8] = [], ends: Bool = true,
    trusting authority: TestAuthority? = nil, piece: Int? = nil
  ) async throws -> RawAnswer {
    try await open(endpoint, trusting: authority, reading: piece) { inbound, outbound in
      var session = try HTTP2Session(role: .client)
      let stream = try session.open(headers)
      _ = session.write(body.span.bytes, on: stream)
      if ends { session.finish(stream) }
      var answer = RawAnswer()
      while true {
        var output = ByteBuffer()
        _ = try session.transmit { frame in
          _ = frame.withUnsafeBytes { output.writeBytes($0) }
        }
        while let event = session.nextEvent() { note(event, ByteBuffer(), &session, &answer) }
        if answer.code != nil { return answer }
        while let piece, output.readableBytes > piece, let part = output.readSlice(length: piece) {
          try await outbound.write(part)
        }
        try await outbound.write(output)
        guard let input = try await inbound.next() else { return answer }
        try session.receive(input.readableBytesSpan)
        while let event = session.nextEvent() { note(event, input, &session, &answer) }
      }
    }
  }

  /// Sends the bytes of a first request, on stream 1, and reads until it is answered.
  static func hear(_ endpoint: SocketEndpoint, after request: [UInt8]) async throws -> RawAnswer {
    try await open(endpoint) { inbound, outbound in
      // It hears the answer to a request that it has not made in these words.
      var session = try HTTP2Session(role: .client)
      _ = try session.open(HostileClientTests.headers(), ends: true)
      _ = try session.transmit { _ in }
      try await outbound.write(ByteBuffer(bytes: Frames.preface + request))
      var answer = RawAnswer()
      while answer.code == nil, let input = try await inbound.next() {
        try session.receive(input.readableBytesSpan)
        while let event = session.nextEvent() { note(event, input, &session, &answer) }
      }
      return answer
    }
  }

  private static func note(
    _ event: HTTP2Event, _ input: ByteBuffer, _ session: inout HTTP2Session,
    _ answer: inout RawAnswer
  ) {
    switch event {
    case .headers(_, let block, _):
      var fields: [RawField] = []
      block.forEachField { name, value in
        answer.fields[text(name)] = text(value)
        fields.append(RawField(name: text(name), value: text(value)))
      }
      answer.blocks.append(fields)
    case .data(let stream, let range):
      answer.body += Array(input.readableBytesView)[range]
      session.consume(range.count, on: stream)
    case .closed(_, let code): answer.code = code
    default: break
    }
  }

  private static func text(_ span: Span<UInt8>) -> String {
    span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  /// Sends bytes until the server closes the connection; returns how many were sent.
  static func flood(
    _ endpoint: SocketEndpoint, first: [UInt8], then: [UInt8], atMost limit: Int
  ) async throws -> Int {
    try await open(endpoint) { inbound, outbound in
      var sent = 0
      do {
        try await outbound.write(ByteBuffer(bytes: first))
        while sent < limit {
          try await outbound.write(ByteBuffer(bytes: then))
          sent += then.count
        }
        while try await inbound.next() != nil {}
      } catch {
        return sent
      }
      return sent
    }
  }
}
