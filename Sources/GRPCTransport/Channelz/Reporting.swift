import GRPC
import HTTP2
import NIOCore
import NIOSSL

extension ServedConnections {
  func report() async -> ServerReport {
    let listeners = listeners.map(\.reference)
    return ServerReport(
      reference: ChannelzReference(id: id, name: listeners.map(\.name).joined(separator: ", ")),
      counters: await counters(), listeners: listeners)
  }

  /// One of the sockets that listen; nil: it is not there.
  func listenerReport(_ id: Int64) -> SocketReport? {
    listeners.first { $0.reference.id == id }.map { listener in
      SocketReport(
        reference: listener.reference, counters: CallCounters(), keepalivesSent: 0,
        isClient: false,
        local: listener.address.flatMap(SocketReport.Address.init), remote: nil, tls: nil)
    }
  }
}

extension Subchannel {
  var reference: ChannelzReference { ChannelzReference(id: Int64(id), name: "\(address.endpoint)") }
}

extension ClientConnector {
  func report() async -> ChannelReport {
    await ask { connector in
      var counters = CallCounters()
      for subchannel in connector.knownSubchannels {
        counters.add(connector.counters(of: subchannel))
      }
      return ChannelReport(
        reference: ChannelzReference(id: connector.id, name: connector.target),
        state: connector.board.connectivity, counters: counters,
        subchannels: connector.knownSubchannels.map(\.reference))
    }
  }

  func subchannelReport(_ id: Int64) async -> SubchannelReport? {
    await ask { connector in
      connector.knownSubchannels.first { $0.reference.id == id }.map { subchannel in
        SubchannelReport(
          reference: subchannel.reference, state: subchannel.connectivity,
          counters: connector.counters(of: subchannel),
          sockets: subchannel.link.map { [ChannelzReference(id: $0.id, name: $0.peer.address)] }
            ?? [])
      }
    }
  }

  func link(_ id: Int64) async -> Subchannel.Link? {
    await ask { connector in connector.openLinks.first { $0.id == id } }
  }

  private func ask<Answer: Sendable>(
    _ question: @escaping @Sendable (ClientConnector) -> Answer
  ) async -> Answer {
    await withCheckedContinuation { continuation in
      eventLoop.execute { continuation.resume(returning: question(self)) }
    }
  }
}

/// A connection's role that counts its calls.
protocol CountingRole: ConnectionRole {
  var counters: CallCounters { get }
}

extension ServedCalls: CountingRole {}
extension CarriedCalls: CountingRole {}

extension HTTP2Link where Role: CountingRole {
  func report() async -> SocketReport {
    await ask { link in
      let channel = link.channel
      return SocketReport(
        reference: ChannelzReference(id: link.id, name: link.peer.address),
        counters: link.role.counters, keepalivesSent: link.keepalivesSent,
        isClient: Role.side == .client,
        local: channel?.localAddress.flatMap(SocketReport.Address.init),
        remote: channel?.remoteAddress.flatMap(SocketReport.Address.init),
        tls: channel.flatMap { SocketReport.TLS($0, link.peer.identity) })
    }
  }
}

extension SocketReport.Address {
  init?(_ address: SocketAddress) {
    switch address {
    case .v4(let v4):
      let ip = withUnsafeBytes(of: v4.address.sin_addr.s_addr) { Array($0) }
      self = .tcp(ip: ip, port: address.port ?? 0)
    case .v6(let v6):
      let ip = withUnsafeBytes(of: v6.address.sin6_addr) { Array($0) }
      self = .tcp(ip: ip, port: address.port ?? 0)
    case .unixDomainSocket:
      self = .unix(path: address.pathname ?? "")
    }
  }
}

extension SocketReport.TLS {
  /// Nil: the channel is in plaintext.
  init?(_ channel: any Channel, _ peer: PeerIdentity?) {
    guard
      let handler = try? channel.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
    else { return nil }
    version = handler.tlsVersion.map { "\($0)" } ?? "TLS"
    remoteCertificate = peer?.certificate ?? []
  }
}
