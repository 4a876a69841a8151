/// Lets calls in whose caller is known: a closure of the application's looks at what the caller shows,
/// and handlers find who it is as `ServerContext.identity(as:)`.
///
/// ```swift
/// router.intercept(
///   with: AuthenticationInterceptor(bearer: { token, _ in try await users.owner(of: token) }))
/// ```
///
/// Health checks and the like may be let through by their service's name.
public struct AuthenticationInterceptor<Identity: Sendable>: ServerInterceptor {
  /// Who the caller is; nil: nobody known. It throws an `RPCError` to say more, such as
  /// PERMISSION_DENIED; any other error counts as UNAUTHENTICATED, and does not reach the client.
  public typealias Verifier = @Sendable (ServerContext) async throws -> Identity?

  private let exempt: Set<String>
  private let verify: Verifier

  /// Asks a verifier, which looks at the call's metadata, peer or certificate.
  ///
  /// - Parameters:
  ///   - exempt: full names of services that anyone may call.
  ///   - verify: tells who makes a call.
  public init(exempting exempt: Set<String> = [], verify: @escaping Verifier) {
    self.exempt = exempt
    self.verify = verify
  }

  /// Asks a verifier for the owner of a bearer token (RFC 6750 §2.1). A call without one, with a
  /// malformed one or with several is UNAUTHENTICATED at once.
  public init(
    exempting exempt: Set<String> = [],
    bearer verify: @escaping @Sendable (_ token: String, ServerContext) async throws -> Identity?
  ) {
    self.init(exempting: exempt) { context in
      let values = context.metadata.strings(named: "authorization")
      guard values.count == 1, let token = BearerToken.read(values[0]) else {
        throw RPCError(
          .unauthenticated, "the call needs one 'authorization: Bearer …' in its metadata")
      }
      return try await verify(token, context)
    }
  }

  public nonisolated(nonsending) func intercept(
    _ context: ServerContext, _ next: ServerInterception
  ) async throws {
    if exempt.contains(context.method.service) {
      _ = await next()
      return
    }
    let identity: Identity?
    do {
      identity = try await verify(context)
    } catch let error as RPCError {
      throw error
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw RPCError(.unauthenticated, "the caller's credentials could not be verified")
    }
    guard let identity else {
      throw RPCError(.unauthenticated, "the caller's credentials are not those of anyone known")
    }
    await CallIdentity.$current.withValue(identity) { _ = await next() }
  }
}

/// Who makes the current call.
private enum CallIdentity {
  @TaskLocal static var current: (any Sendable)?
}

extension ServerContext {
  /// Who makes the current call, as the authentication has found; nil: it is not authenticated, or
  /// by another type. For the handler's task and what it starts.
  public func identity<Identity: Sendable>(as type: Identity.Type = Identity.self) -> Identity? {
    CallIdentity.current as? Identity
  }
}

/// `Bearer` and a token of RFC 6750 §2.1; the scheme in any case (RFC 9110 §11.1).
enum BearerToken {
  static func read(_ value: String) -> String? {
    let parts = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    let token = parts[1].drop { $0 == " " }
    let body = token.utf8.reversed().drop { $0 == UInt8(ascii: "=") }
    let isToken = body.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
        true
      default: false
      }
    }
    return isToken && !body.isEmpty ? String(token) : nil
  }
}
