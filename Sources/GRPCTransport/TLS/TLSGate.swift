import GRPC
import NIOCore
import NIOSSL
import NIOTLS

/// Waits for the end of a TLS handshake, checks what was agreed on, and makes place for the
/// connection's handler: while it stands there is no HTTP/2 session that would take memory.
///
/// NIOSSL lets a peer go on that has not agreed on a protocol (ALPN, RFC 7301); HTTP/2 must not
/// (RFC 9113 §3.2).
final class TLSGate: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  private let tls: NIOSSLHandler
  private let serverName: String?
  private let timeout: TimeAmount
  private let opened: (PeerIdentity?) throws -> any ChannelHandler
  private let failed: (RPCError) -> Void
  private var timer: Scheduled<Void>?
  private var isOver = false

  /// Called once, at the end: `opened` for the handler that comes next, or `failed`. `serverName`:
  /// what the peer's certificate must name, when a name was asked for.
  init(
    _ tls: NIOSSLHandler, serverName: String?, timeout: Duration,
    opened: @escaping (PeerIdentity?) throws -> any ChannelHandler,
    failed: @escaping (RPCError) -> Void
  ) {
    self.tls = tls
    self.serverName = serverName
    self.timeout = TimeAmount(timeout)
    self.opened = opened
    self.failed = failed
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let context = NIOLoopBound(context, eventLoop: context.eventLoop)
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
      self?.refuse("the TLS handshake took too long", context.value)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    end("the connection was lost in the TLS handshake")
  }

  func channelInactive(context: ChannelHandlerContext) {
    end("the peer closed the connection in the TLS handshake")
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let text = TLSFailure.text(error, peerCertificate: tls.peerCertificate)
    refuse(text ?? "the connection failed in the TLS handshake: \(error)", context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .handshakeCompleted(let agreed)? = event as? TLSUserEvent else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    guard agreed == TLSMaterial.applicationProtocol else {
      refuse(
        "the peer did not agree on HTTP/2 by ALPN (it chose \(agreed ?? "nothing")); "
          + "it must offer h2", context)
      return
    }
    if let serverName, !isCertified(serverName) {
      refuse(TLSFailure.wrongName(tls.peerCertificate), context)
      return
    }
    open(context)
  }

  private func isCertified(_ name: String) -> Bool {
    guard let certificate = tls.peerCertificate else { return false }
    return PeerIdentity(certificate: certificate).dnsNames.contains {
      ServerName.matches(name, $0)
    }
  }

  private func open(_ context: ChannelHandlerContext) {
    guard !isOver else { return }
    isOver = true
    timer?.cancel()
    let pipeline = context.pipeline.syncOperations
    do {
      let handler = try opened(tls.peerCertificate.map(PeerIdentity.init(certificate:)))
      try pipeline.addHandler(handler, position: .after(self))
      pipeline.removeHandler(context: context, promise: nil)
    } catch {
      context.close(promise: nil)
    }
  }

  private func refuse(_ why: String, _ context: ChannelHandlerContext) {
    guard !isOver else { return }
    end(why)
    context.close(promise: nil)
  }

  private func end(_ why: String) {
    guard !isOver else { return }
    isOver = true
    timer?.cancel()
    failed(RPCError(.unavailable, why))
  }
}

extension PeerIdentity {
  init(certificate: NIOSSLCertificate) {
    self.init(certificate: (try? certificate.toDERBytes()) ?? [])
    commonName = certificate.subjectName.last { $0.type == .commonName }?.value
    for name in certificate._subjectAlternativeNames() {
      let bytes = Array(name.contents)
      switch name.nameType {
      case .dnsName: dnsNames.append(String(decoding: bytes, as: UTF8.self))
      case .uri: uris.append(String(decoding: bytes, as: UTF8.self))
      case .email: emails.append(String(decoding: bytes, as: UTF8.self))
      case .ipAddress:
        if let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0) {
          ipAddresses += address.ipAddress.map { [$0] } ?? []
        }
      default: break
      }
    }
  }
}
