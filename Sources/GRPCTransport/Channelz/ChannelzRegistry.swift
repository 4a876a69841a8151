import Synchronization

/// The servers and clients of this process, for channelz (gRFC A14): they enter by themselves, are held
/// weakly, and are asked only when somebody looks.
package final class ChannelzRegistry: Sendable {
  private struct WeakServer: Sendable {
    weak let server: ServedConnections?
  }

  private struct WeakChannel: Sendable {
    weak let channel: ClientConnector?
  }

  private struct State {
    var servers: [Int64: WeakServer] = [:]
    var channels: [Int64: WeakChannel] = [:]
  }

  /// The one of this process.
  package static let shared = ChannelzRegistry()

  private let state = Mutex(State())

  private static let lastID = Atomic<Int64>(0)

  /// An id that nothing in this process had before.
  static func newID() -> Int64 { lastID.add(1, ordering: .relaxed).newValue }

  func add(_ server: ServedConnections) {
    state.withLock { $0.servers[server.id] = WeakServer(server: server) }
  }

  func add(_ channel: ClientConnector) {
    state.withLock { $0.channels[channel.id] = WeakChannel(channel: channel) }
  }

  func removeServer(_ id: Int64) {
    state.withLock { $0.servers[id] = nil }
  }

  func removeChannel(_ id: Int64) {
    state.withLock { $0.channels[id] = nil }
  }

  private var servers: [ServedConnections] {
    state.withLock { state in
      state.servers.sorted { $0.key < $1.key }.compactMap { $0.value.server }
    }
  }

  private var channels: [ClientConnector] {
    state.withLock { state in
      state.channels.sorted { $0.key < $1.key }.compactMap { $0.value.channel }
    }
  }
}

// MARK: - Looking

extension ChannelzRegistry {
  /// Part of a list in the order of ids, and whether it is the list's end.
  package struct Page<Element: Sendable>: Sendable {
    package let elements: [Element]
    package let isEnd: Bool

    init(_ all: [Element], atMost limit: Int) {
      elements = Array(all.prefix(limit))
      isEnd = all.count <= limit
    }
  }

  /// The servers from an id on.
  package func servers(from id: Int64, atMost limit: Int) async -> Page<ServerReport> {
    let page = Page(servers.filter { $0.id >= id }, atMost: limit)
    var reports: [ServerReport] = []
    for server in page.elements { reports.append(await server.report()) }
    return Page(reports, isEnd: page.isEnd)
  }

  /// A server; nil: it is not there.
  package func server(_ id: Int64) async -> ServerReport? {
    await servers.first { $0.id == id }?.report()
  }

  /// A server's connections from an id on; nil: the server is not there.
  package func sockets(
    ofServer id: Int64, from first: Int64, atMost limit: Int
  ) -> Page<ChannelzReference>? {
    servers.first { $0.id == id }.map { server in
      Page(
        server.links.filter { $0.id >= first }.sorted { $0.id < $1.id }
          .map { ChannelzReference(id: $0.id, name: $0.peer.address) }, atMost: limit)
    }
  }

  /// The channels from an id on.
  package func channels(from id: Int64, atMost limit: Int) async -> Page<ChannelReport> {
    let page = Page(channels.filter { $0.id >= id }, atMost: limit)
    var reports: [ChannelReport] = []
    for channel in page.elements { reports.append(await channel.report()) }
    return Page(reports, isEnd: page.isEnd)
  }

  /// A channel; nil: it is not there.
  package func channel(_ id: Int64) async -> ChannelReport? {
    await channels.first { $0.id == id }?.report()
  }

  /// A subchannel; nil: it is not there.
  package func subchannel(_ id: Int64) async -> SubchannelReport? {
    for channel in channels {
      if let report = await channel.subchannelReport(id) { return report }
    }
    return nil
  }

  /// A connection, or a socket that listens; nil: it is not there.
  package func socket(_ id: Int64) async -> SocketReport? {
    for server in servers {
      if let listener = server.listenerReport(id) { return listener }
      if let link = server.links.first(where: { $0.id == id }) { return await link.report() }
    }
    for channel in channels {
      if let link = await channel.link(id) { return await link.report() }
    }
    return nil
  }
}

extension ChannelzRegistry.Page {
  fileprivate init(_ elements: [Element], isEnd: Bool) {
    self.elements = elements
    self.isEnd = isEnd
  }
}
