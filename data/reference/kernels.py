"""Minimax coefficients of Q in expm1(r) = r + r^2 Q(r), |r| <= ln(2)/2, as in felice-neurons/src/real.rs (EXPM1).
Needs mpmath (1.4.1 was used). Remez exchange with weight |r| + .03, near the relative error of expm1."""
import mpmath as mp
mp.mp.dps=60
def remez(f,w,a,b,n,iters=12):
    # minimise |w(x)(p(x)-f(x))|, degree n
    N=n+2
    xs=[(a+b)/2-(b-a)/2*mp.cos(mp.pi*(2*k+1)/(2*N)) for k in range(N)]
    for it in range(iters):
        A=mp.matrix(N,N); B=mp.matrix(N,1)
        for i,x in enumerate(xs):
            for j in range(n+1): A[i,j]=x**j
            A[i,n+1]=(-1)**i/w(x); B[i]=f(x)
        s=mp.lu_solve(A,B); c=[s[j] for j in range(n+1)]; E=abs(s[n+1])
        err=lambda x: w(x)*(mp.polyval(c[::-1],x)-f(x))
        M=600
        g=[a+(b-a)*mp.mpf(k)/M for k in range(M+1)]
        e=[err(x) for x in g]
        # pick alternating extrema
        ext=[]
        for k in range(M+1):
            if (k==0 or abs(e[k])>=abs(e[k-1])or e[k]*e[k-1]<0) and (k==M or abs(e[k])>=abs(e[k+1]) or e[k]*e[k+1]<0):
                if ext and e[ext[-1]]*e[k]>0:
                    if abs(e[k])>abs(e[ext[-1]]): ext[-1]=k
                else: ext.append(k)
        while len(ext)>N:
            if abs(e[ext[0]])<abs(e[ext[-1]]): ext.pop(0)
            else: ext.pop()
        if len(ext)<N: break
        xs=[g[k] for k in ext]
        mx=max(abs(v) for v in e)
        if mx<E*(1+mp.mpf('1e-6')): break
    return c,max(abs(v) for v in e)
def f(r): 
    return mp.nsum(lambda k: r**k/mp.factorial(k+2),[0,30]) if False else sum(r**k/mp.factorial(k+2) for k in range(40))
w=lambda r: abs(r)+mp.mpf('0.03')
a=mp.log(2)/2*mp.mpf('1.0005')
for n in (8,9,10):
    c,e=remez(f,w,-a,a,n); print(n,mp.nstr(e,5)); 
    if n==9:
        for x in c: print(repr(float(x)))
af=mp.log(2)/2*mp.mpf('1.002')
import struct
for n in (3,4,5):
    c,e=remez(f,w,-af,af,n); print('f32',n,mp.nstr(e,5)); 
    if n==4:
        for x in c: print(struct.unpack('f',struct.pack('f',float(x)))[0])
