/// The cases, by the names that "Interoperability Test Case Descriptions" gives them; the last two are our own.
///
/// The `_noprobe` variants, which others have too, are for servers that do not see whether a request
/// is compressed.
///
/// Not here: cacheable_unary, which needs a caching proxy, and those that need an account in a cloud.
enum InteropCase: String, CaseIterable, Sendable {
  case emptyUnary = "empty_unary"
  case largeUnary = "large_unary"
  case clientCompressedUnary = "client_compressed_unary"
  case clientCompressedUnaryNoProbe = "client_compressed_unary_noprobe"
  case serverCompressedUnary = "server_compressed_unary"
  case clientStreaming = "client_streaming"
  case clientCompressedStreaming = "client_compressed_streaming"
  case clientCompressedStreamingNoProbe = "client_compressed_streaming_noprobe"
  case serverStreaming = "server_streaming"
  case serverCompressedStreaming = "server_compressed_streaming"
  case pingPong = "ping_pong"
  case emptyStream = "empty_stream"
  case customMetadata = "custom_metadata"
  case statusCodeAndMessage = "status_code_and_message"
  case specialStatusMessage = "special_status_message"
  case unimplementedMethod = "unimplemented_method"
  case unimplementedService = "unimplemented_service"
  case cancelAfterBegin = "cancel_after_begin"
  case cancelAfterFirstResponse = "cancel_after_first_response"
  case timeoutOnSleepingServer = "timeout_on_sleeping_server"
  case concurrentLargeUnary = "concurrent_large_unary"
  case rpcSoak = "rpc_soak"
  case channelSoak = "channel_soak"
  case killedServer = "killed_server"
  case drainedServer = "drained_server"

  /// Those that only need a server: all but the last two.
  static let unattended = allCases.filter { $0 != .killedServer && $0 != .drainedServer }

  /// Runs the case.
  ///
  /// - Throws: a `Mismatch`, or the error of a call that should have succeeded.
  func run(against peer: Peer) async throws {
    switch self {
    case .emptyUnary: try await peer.emptyUnary()
    case .largeUnary: try await peer.largeUnary()
    case .clientCompressedUnary: try await peer.clientCompressedUnary(probes: true)
    case .clientCompressedUnaryNoProbe: try await peer.clientCompressedUnary(probes: false)
    case .serverCompressedUnary: try await peer.serverCompressedUnary()
    case .clientStreaming: try await peer.clientStreaming()
    case .clientCompressedStreaming: try await peer.clientCompressedStreaming(probes: true)
    case .clientCompressedStreamingNoProbe: try await peer.clientCompressedStreaming(probes: false)
    case .serverStreaming: try await peer.serverStreaming()
    case .serverCompressedStreaming: try await peer.serverCompressedStreaming()
    case .pingPong: try await peer.pingPong()
    case .emptyStream: try await peer.emptyStream()
    case .customMetadata: try await peer.customMetadata()
    case .statusCodeAndMessage: try await peer.statusCodeAndMessage()
    case .specialStatusMessage: try await peer.specialStatusMessage()
    case .unimplementedMethod: try await peer.unimplementedMethod()
    case .unimplementedService: try await peer.unimplementedService()
    case .cancelAfterBegin: try await peer.cancelAfterBegin()
    case .cancelAfterFirstResponse: try await peer.cancelAfterFirstResponse()
    case .timeoutOnSleepingServer: try await peer.timeoutOnSleepingServer()
    case .concurrentLargeUnary: try await peer.concurrentLargeUnary()
    case .rpcSoak: try await peer.rpcSoak()
    case .channelSoak: try await peer.channelSoak()
    case .killedServer: try await peer.killedServer()
    case .drainedServer: try await peer.drainedServer()
    }
  }
}
