import GRPC
import GRPCTransport
import WellKnownTypes

/// `grpc.channelz.v1.Channelz`: shows the servers and clients of this process, their connections, and
/// what their calls have come to (gRFC A14 "Channelz").
///
/// It tells whoever can connect who else is connected and calls what: by itself it answers callers on
/// this machine only, and others with PERMISSION_DENIED.
public struct ChannelzService: RPCService {
  /// The most that is listed at once, however much is asked for.
  public static let maximumResults = 100

  private let allowsRemoteCallers: Bool

  /// - Parameter allowsRemoteCallers: also answers callers on other machines. Let nobody else in
  ///   then, as by an `AuthenticationInterceptor`.
  public init(allowsRemoteCallers: Bool = false) {
    self.allowsRemoteCallers = allowsRemoteCallers
  }

  public func register(in router: inout Router) {
    ChannelzHandlers(registry: .shared, allowsRemoteCallers: allowsRemoteCallers)
      .register(in: &router)
  }
}

private struct ChannelzHandlers: GrpcChannelzV1.ChannelzServer {
  typealias Wire = GrpcChannelzV1

  let registry: ChannelzRegistry
  let allowsRemoteCallers: Bool

  func getTopChannels(_ request: Wire.GetTopChannelsRequest, context: ServerContext) async throws
    -> Wire.GetTopChannelsResponse
  {
    let page = await registry.channels(
      from: request.startChannelID, atMost: try limit(request.maxResults, context))
    return Wire.GetTopChannelsResponse(
      channel: page.elements.map(Wire.Channel.init), end: page.isEnd)
  }

  func getServers(_ request: Wire.GetServersRequest, context: ServerContext) async throws
    -> Wire.GetServersResponse
  {
    let page = await registry.servers(
      from: request.startServerID, atMost: try limit(request.maxResults, context))
    return Wire.GetServersResponse(server: page.elements.map(Wire.Server.init), end: page.isEnd)
  }

  func getServer(_ request: Wire.GetServerRequest, context: ServerContext) async throws
    -> Wire.GetServerResponse
  {
    try check(context)
    let server = try found(await registry.server(request.serverID), "server", request.serverID)
    return Wire.GetServerResponse(server: Wire.Server(server))
  }

  func getServerSockets(_ request: Wire.GetServerSocketsRequest, context: ServerContext)
    async throws -> Wire.GetServerSocketsResponse
  {
    let limit = try limit(request.maxResults, context)
    let page = try found(
      registry.sockets(ofServer: request.serverID, from: request.startSocketID, atMost: limit),
      "server", request.serverID)
    return Wire.GetServerSocketsResponse(
      socketRef: page.elements.map(Wire.SocketRef.init), end: page.isEnd)
  }

  func getChannel(_ request: Wire.GetChannelRequest, context: ServerContext) async throws
    -> Wire.GetChannelResponse
  {
    try check(context)
    let channel = try found(await registry.channel(request.channelID), "channel", request.channelID)
    return Wire.GetChannelResponse(channel: Wire.Channel(channel))
  }

  func getSubchannel(_ request: Wire.GetSubchannelRequest, context: ServerContext) async throws
    -> Wire.GetSubchannelResponse
  {
    try check(context)
    let subchannel = try found(
      await registry.subchannel(request.subchannelID), "subchannel", request.subchannelID)
    return Wire.GetSubchannelResponse(subchannel: Wire.Subchannel(subchannel))
  }

  func getSocket(_ request: Wire.GetSocketRequest, context: ServerContext) async throws
    -> Wire.GetSocketResponse
  {
    try check(context)
    let socket = try found(await registry.socket(request.socketID), "socket", request.socketID)
    return Wire.GetSocketResponse(socket: Wire.Socket(socket))
  }

  private func check(_ context: ServerContext) throws {
    guard allowsRemoteCallers || LocalPeer.isLocal(context.peer) else {
      throw RPCError(.permissionDenied, "channelz is for callers on the server's own machine")
    }
  }

  private func limit(_ wanted: Int64, _ context: ServerContext) throws -> Int {
    try check(context)
    guard wanted >= 0 else { throw RPCError(.invalidArgument, "max_results is negative") }
    let most = ChannelzService.maximumResults
    return wanted == 0 ? most : Int(min(wanted, Int64(most)))
  }

  private func found<Value>(_ value: Value?, _ kind: String, _ id: Int64) throws -> Value {
    guard let value else {
      throw RPCError(.notFound, "there is no \(kind) \(id); it may have gone since it was listed")
    }
    return value
  }
}

/// Peers by their names in gRPC's form.
enum LocalPeer {
  /// Whether only this machine's processes can be called so.
  static func isLocal(_ peer: String) -> Bool {
    peer.hasPrefix("unix:") || peer.hasPrefix("ipv4:127.") || peer.hasPrefix("ipv6:[::1]:")
      || peer.hasPrefix("ipv6:[::ffff:127.") || peer == "in-process"
  }
}
