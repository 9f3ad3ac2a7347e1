/* load.c - chat-server load generator (single thread, epoll, closed loop or fixed rate).
 *
 * build:  gcc -O2 -o load load.c -lssl -lcrypto
 * usage:  ulimit -n 200000; taskset -c 1 ./load -d DIALECT -w WORK -p PORT [options]
 *   -d json   name\n -> welcome line; then {"from":{"name","ip"},"to","msg"}\n
 *      ws     the same packets in WebSocket messages (RFC 6455), one each, masked as a browser's: first the HTTP
 *             request that opens it, for /ws with a Host and the Origin of a page from there
 *      irc    NICK/USER, waits 376/422 (answers PING), PRIVMSG; with -w fan: JOIN #c
 *      sock   sock_chat v4: plain lines, everyone else gets them (no registration)
 *      seed   unframed: raw name, then one JSON object per send, no newline (window must be 1)
 *      mqtt   MQTT 3.1.1 QoS0; user topic uN, room topic c
 *      nats   NATS core text protocol; subject uN, room subject c
 *   -w pairs  conns 0..N/2-1 send to i+N/2, window -W per pair            (W1)
 *      fan    conn 0 shouts to all the others, -W shouts outstanding      (W2)
 *             (json, ws, seed: to "/shout")
 *      storm  connect+register N, settle, report RSS                      (W3)
 *      join   irc: all N are there, and join #c at the same moment: join_s until nothing more comes, join_cpu is the
 *             server's in that time, joins_seen how many JOIN lines came, of at least N*(N+1)/2
 *      rejoin irc: all N are in #c; one after another parts and joins again, the next when all N have seen it
 *   -n N conns  -W window  -t seconds measured  -u warm-up seconds  -z text bytes (>=20)
 *   -r RATE  pairs only: open loop, RATE msg/s in total, latency from the SCHEDULED time
 *   -P pid[,pid..]  server pids (cpu, rss)    -L label    -h host (127.0.0.1)
 *   -S  TLS (no verification)   -g GROUPS  for the key exchange (X25519, so that it is the same with each OpenSSL)
 *   -I n  spread sources over n addresses 127.0.1.1..
 *   -C n  at most n connects in progress (0 = all at once)   -B n  give every conn i port p+(i%n)
 *   -X port2  pairs: receivers (second half) connect to port2 instead (cross-worker)
 *   -A 1 two-way pairs (every conn sends to its partner; window per direction)
 *   -k K  pairs: only the first K of the N conns talk    -H s  hold the connections s seconds after the measurement
 *   -e  json, ws: all say hello, and have their messages acknowledged; ack_* are the times from sending a message to
 *       its ack, and acks how many came
 *   -a  the same, and all have accounts (uN with the token tN)
 *   -q s  all are quiet for s seconds before the work; what the server takes of a core then is idle_cpu
 * Each text is "@T"+16 hex ns timestamp+"E"+padding; deliveries are found by scanning for "@T".
 * Prints one JSON line. rtt/latency = generator send() preparation to generator recv() parse.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <errno.h>
#include <unistd.h>
#include <fcntl.h>
#include <time.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/err.h>

enum {D_JSON,D_WS,D_IRC,D_SOCK,D_SEED,D_MQTT,D_NATS};
enum {W_PAIRS,W_FAN,W_STORM,W_JOIN,W_REJOIN};
enum {S_NEW,S_CONN,S_TLS,S_HS,S_READY,S_DEAD};
typedef struct { int fd; uint8_t st, want_out; int id; int outst; int cl;
  char carry[64]; char *ob; int ol, oc, oo; char *hs; int hl; SSL *ssl; uint64_t t0; } C;
static int dialect=D_JSON, work=W_PAIRS, N=100, K=0, W=1, port=9000, tls=0, nsrc=0, maxc=0, nports=1, port2=0, twoway=0, greets=0, accounts=0;
static double T=3, U=0.5, RATE=0, HOLD=0, Q=0; static int Z=60; static char *host="127.0.0.1",*label="",*pids="",*groups="X25519";
static C *cs; static int ep; static int nready,nconn,ndead,inprog,nextc; static SSL_CTX *ctx;
static uint64_t delivered, sent, t_begin, t_end; static int measuring, stopping;
static char rb[1<<18]; static char pad[8192];
static uint64_t hist[64*128]; static uint64_t fhist[64*128]; static uint64_t ahist[64*128]; static uint64_t lmax, acks, cids;
static uint64_t now(){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec*1000000000ull+t.tv_nsec;}
static int hb(uint64_t v){ if(v<128) return v; int e=63-__builtin_clzll(v); return (e-6)*128+((v>>(e-7))&127); }
static double hv(int b){ if(b<128) return b; int e=b/128+6; return (double)((1ull<<e)|((uint64_t)(b&127)<<(e-7))); }
static double pct(uint64_t*h,double p){ uint64_t n=0,k=0; for(int i=0;i<64*128;i++) n+=h[i]; if(!n) return 0; uint64_t t=(uint64_t)(n*p); if(t>=n)t=n-1; for(int i=0;i<64*128;i++){ k+=h[i]; if(k>t) return hv(i);} return 0; }
static void die(const char*m){ fprintf(stderr,"load: %s: %s\n",m,strerror(errno)); exit(2);}  
static double cpu(){ double s=0; char *p=pids; while(*p){ int pid=strtol(p,&p,10); if(*p==',')p++; clockid_t id; struct timespec t; if(!clock_getcpuclockid(pid,&id)&&!clock_gettime(id,&t)) s+=t.tv_sec+t.tv_nsec/1e9;} return s; }
static long rss(){ long s=0; char *p=pids; while(*p){ int pid=strtol(p,&p,10); if(*p==',')p++; char f[64],b[256]; sprintf(f,"/proc/%d/status",pid); FILE*h=fopen(f,"r"); if(!h) continue; while(fgets(b,256,h)){ long r; if(sscanf(b,"VmRSS: %ld",&r)==1) s+=r;} fclose(h);} return s; }
static double selfcpu(){ struct rusage r; getrusage(RUSAGE_SELF,&r); return r.ru_utime.tv_sec+r.ru_stime.tv_sec+(r.ru_utime.tv_usec+r.ru_stime.tv_usec)/1e6; }
static void ev(C*c,int out){ if(c->want_out==out) return; c->want_out=out; struct epoll_event e={.events=EPOLLIN|(out?EPOLLOUT:0),.data.ptr=c}; epoll_ctl(ep,EPOLL_CTL_MOD,c->fd,&e);}  
static void kill_c(C*c){ if(c->st==S_DEAD) return; if(c->st==S_READY) nready--; else if(c->st!=S_NEW) inprog--; c->st=S_DEAD; ndead++; close(c->fd);}  
static int rawsend(C*c,const char*b,int n){ if(!c->ssl){ int r=send(c->fd,b,n,MSG_NOSIGNAL); if(r<0) return (errno==EAGAIN)?0:-1; return r;} 
  ERR_clear_error(); int r=SSL_write(c->ssl,b,n); if(r>0) return r; int e=SSL_get_error(c->ssl,r); return (e==SSL_ERROR_WANT_READ||e==SSL_ERROR_WANT_WRITE)?0:-1; }
static int rawrecv(C*c,char*b,int n){ if(!c->ssl){ int r=recv(c->fd,b,n,0); if(r<0) return (errno==EAGAIN)?-2:-1; return r;}
  ERR_clear_error(); int r=SSL_read(c->ssl,b,n); if(r>0) return r; int e=SSL_get_error(c->ssl,r); if(e==SSL_ERROR_WANT_READ||e==SSL_ERROR_WANT_WRITE) return -2; return e==SSL_ERROR_ZERO_RETURN?0:-1; }
static void out(C*c,const char*b,int n){ /* append or send */
  if(c->ol>c->oo){ if(c->ol+n>c->oc){ c->oc=(c->ol+n)*2; c->ob=realloc(c->ob,c->oc);} memcpy(c->ob+c->ol,b,n); c->ol+=n; return; }
  while(n>0){ int r=rawsend(c,b,n); if(r<0){kill_c(c);return;} if(r==0) break; b+=r;n-=r; }
  if(n>0){ if(n>c->oc){c->oc=n*2;c->ob=realloc(c->ob,c->oc);} memcpy(c->ob,b,n); c->ol=n;c->oo=0; ev(c,1);} }
static void flush_c(C*c){ while(c->oo<c->ol){ int r=rawsend(c,c->ob+c->oo,c->ol-c->oo); if(r<0){kill_c(c);return;} if(!r) return; c->oo+=r;} c->oo=c->ol=0; ev(c,0);}  
static inline char* hex16(char*p,uint64_t v){ static const char h[]="0123456789abcdef"; for(int i=15;i>=0;i--){p[i]=h[v&15];v>>=4;} return p+16; }
static inline char* utoa(char*p,unsigned v){ char t[12];int n=0; do{t[n++]='0'+v%10;v/=10;}while(v); while(n)*p++=t[--n]; return p; }
#define LIT(s) (memcpy(p,s,sizeof(s)-1),p+=sizeof(s)-1)
static inline char* text(char*p,uint64_t t){ LIT("@T"); p=hex16(p,t); *p++='E'; memcpy(p,pad,Z-19); return p+Z-19; }
static char* packet(char*p,int from,int to,uint64_t t){
  LIT("{\"from\":{\"name\":\"u"); p=utoa(p,from); LIT("\",\"ip\":\"0.0.0.0\"},\"to\":\""); if(to>=0){*p++='u';p=utoa(p,to);} else LIT("/shout"); LIT("\",\"msg\":\""); p=text(p,t); if(greets){ LIT("\",\"x\":{\"cid\":\"@C"); p=hex16(p,t); *p++='E'; p=hex16(p,cids++); LIT("\"}}"); } else LIT("\"}"); return p; }
/* a text message in one frame: n bytes of b, masked with a key that differs from frame to frame, as a client must */
static char* wsframe(char*p,const char*b,int n){ static uint32_t mask=2463534242u; mask^=mask<<13; mask^=mask>>17; mask^=mask<<5;
  *p++=(char)0x81; if(n<126) *p++=(char)(0x80|n); else { *p++=(char)(0x80|126); *p++=n>>8; *p++=n; } memcpy(p,&mask,4); p+=4;
  uint32_t w; int i=0; for(;i+4<=n;i+=4){ memcpy(&w,b+i,4); w^=mask; memcpy(p+i,&w,4); } for(;i<n;i++) p[i]=b[i]^((char*)&mask)[i&3]; return p+n; }
static char wsb[16384];
static char* build(char*p,int from,int to,uint64_t t){ /* to<0 = everyone */
  switch(dialect){
  case D_WS: return wsframe(p,wsb,packet(wsb,from,to,t)-wsb);
  case D_JSON: case D_SEED: p=packet(p,from,to,t); if(dialect==D_JSON)*p++='\n'; return p;
  case D_IRC: LIT("PRIVMSG "); if(to>=0){*p++='u';p=utoa(p,to);} else LIT("#c"); LIT(" :"); p=text(p,t); LIT("\r\n"); return p;
  case D_SOCK: p=text(p,t); *p++='\n'; return p;
  case D_MQTT: { char tb[16],*q=tb; if(to>=0){*q++='u';q=utoa(q,to);} else *q++='c'; int tl=q-tb, rl=2+tl+Z; *p++=0x30; if(rl<128)*p++=rl; else {*p++=(rl&127)|128;*p++=rl>>7;} *p++=0;*p++=tl; memcpy(p,tb,tl); p+=tl; return text(p,t);} 
  case D_NATS: LIT("PUB "); if(to>=0){*p++='u';p=utoa(p,to);} else *p++='c'; *p++=' '; p=utoa(p,Z); LIT("\r\n"); p=text(p,t); LIT("\r\n"); return p;
  } return p; }
static void ready(C*c){ c->st=S_READY; nready++; inprog--; free(c->hs); c->hs=0; c->hl=0; fhist[0]+=0; }
static int greeting(char*b,int i){ int n=sprintf(b,"{\"from\":{\"name\":\"\",\"ip\":\"\"},\"to\":\"/hello\",\"msg\":\"\",\"x\":{\"v\":1,\"caps\":[\"id\",\"ack\"],\"dev\":\"d\""); if(accounts) n+=sprintf(b+n,",\"auth\":{\"mech\":\"TOKEN\",\"token\":\"t%d\"}",i); return n+sprintf(b+n,"}}"); }
static void hello(C*c){ char b[512]; int n=0; c->st=S_HS; int i=c->id;
  switch(dialect){
  case D_JSON: n=sprintf(b,"u%d\n",i); if(greets){ n+=greeting(b+n,i); b[n++]='\n'; } break;
  case D_WS: n=sprintf(b,"GET /ws HTTP/1.1\r\nHost: %s:%d\r\nOrigin: http://%s:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n\r\n",host,port,host,port); break;
  case D_SEED: n=sprintf(b,"u%d",i); break;
  case D_SOCK: ready(c); return;
  case D_IRC: n=sprintf(b,"NICK u%d\r\nUSER u%d 0 * :u%d\r\n",i,i,i); break;
  case D_MQTT: { char id[16]; int l=sprintf(id,"u%d",i); n=0; b[n++]=0x10; b[n++]=10+2+l; memcpy(b+n,"\0\4MQTT\4\2\0\0",10); n+=10; b[n++]=0;b[n++]=l; memcpy(b+n,id,l); n+=l; 
     b[n++]=(char)0x82; int x=(work==W_FAN)?4:0; b[n++]=2+3+l+x; b[n++]=0;b[n++]=1; b[n++]=0;b[n++]=l;memcpy(b+n,id,l);n+=l;b[n++]=0; if(x){ if(i!=0){b[n++]=0;b[n++]=1;b[n++]='c';b[n++]=0;} else {b[n++]=0;b[n++]=1;b[n++]='z';b[n++]=0;} } break; }
  case D_NATS: n=sprintf(b,"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"protocol\":1}\r\nSUB u%d 1\r\n%sPING\r\n",i,work==W_FAN?"SUB c 2\r\n":""); break; }
  out(c,b,n); if(dialect==D_SEED && c->st==S_HS) ready(c); }
static void welcomed(C*c){ if(greets && !memmem(c->hs,c->hl,"\"op\":\"welcome\"",14)){ fprintf(stderr,"hello: %.200s\n",c->hs); kill_c(c); } else ready(c); }
/* handshake input: accumulate, look for the end marker */
static void hs_in(C*c,char*b,int n){ c->hs=realloc(c->hs,c->hl+n+1); memcpy(c->hs+c->hl,b,n); c->hl+=n; c->hs[c->hl]=0;
  switch(dialect){
  case D_JSON: if(memchr(c->hs,'\n',c->hl)) welcomed(c); break;
  case D_WS: { if(!c->cl){ char*e=strstr(c->hs,"\r\n\r\n"); if(!e){ if(c->hl>8192) kill_c(c); break; } if(strncmp(c->hs,"HTTP/1.1 101",12)){ static int w; if(w++<3) fprintf(stderr,"ws: %.200s\n",c->hs); kill_c(c); break; }
       e+=4; c->hl-=e-c->hs; memmove(c->hs,e,c->hl+1); c->cl=1; char o[600],g[400]; char*p=wsframe(o,g,sprintf(g,"u%d",c->id)); if(greets) p=wsframe(p,g,greeting(g,c->id)); out(c,o,p-o); if(c->st==S_DEAD) break; }
     unsigned char*h=(void*)c->hs; if(c->hl<4) break; int size=(h[1]<126)?2+h[1]:(h[1]==126)?4+(h[2]<<8|h[3]):0; if(h[0]!=0x81||!size){ fprintf(stderr,"ws: no text message: %02x %02x\n",h[0],h[1]); kill_c(c); } else if(c->hl>=size){ c->cl=0; welcomed(c); } break; }
  case D_IRC: { char*q; while((q=strstr(c->hs,"PING "))&&strchr(q,'\n')){ char o[300]; char*e=strchr(q,'\n'); int l=e-q; if(l>250)l=250; memcpy(o,q,l+1); o[1]='O'; out(c,o,l+1); memcpy(q,"xxxx",4);} 
     if(strstr(c->hs,"ERROR ")){ static int w; if(w++<3) fprintf(stderr,"irc: %.200s\n",strstr(c->hs,"ERROR ")); }
     if(c->cl==0 && (strstr(c->hs," 376 ")||strstr(c->hs," 422 "))){ if(work==W_FAN||work==W_REJOIN){ c->cl=1; out(c,"JOIN #c\r\n",9);} else ready(c);} 
     if(c->st==S_HS && c->cl==1 && strstr(c->hs," 366 ")) ready(c);
     break; }
  case D_MQTT: if(c->hl>=4+5) { if(c->hs[0]!=0x20) kill_c(c); else ready(c);} break;
  case D_NATS: { char*q=strstr(c->hs,"PONG"); if(q) ready(c); break; }
  } }
static int partner(int i){ return i<K/2?i+K/2:i-K/2; }
static int shouts_done, fan_out_; static uint64_t shout_t;
static void send_k(C*c,int k){ static char b[1<<20]; char*p=b; uint64_t t=now(); int to; if(work==W_FAN) to=-1; else to=partner(c->id); for(int i=0;i<k;i++){ p=build(p,c->id,to,t); if(p-b>(1<<20)-16384) {out(c,b,p-b);p=b;} } c->outst+=k; sent+=k; out(c,b,p-b); }
static void got(C*c,int k){ if(work==W_FAN){ fan_out_+=k; while(fan_out_>=N-1){ fan_out_-=N-1; shouts_done++; uint64_t t=now(); if(measuring) fhist[hb(t-shout_t)]++; shout_t=t; if(!stopping) send_k(&cs[0],1);} return; }
  if(work==W_PAIRS && RATE==0){ C*sc=&cs[partner(c->id)]; sc->outst-=k; if(!stopping && sc->st==S_READY) send_k(sc,k);} }
/* the JOINs of all, and the end of the list of names (366), which ends one's own; what may be the beginning of one is carried over */
static uint64_t joins_seen, join_last; static int joined;
static void join(C*c,const char*m){ c->outst=1; c->t0=now(); out(c,m,strlen(m)); }
static void joining(C*c,char*b,int n){ int k0=c->hl; b-=k0; memcpy(b,c->carry,k0); n+=k0; char*e=b+n,*p=b; join_last=now();
  while((p=memmem(p,e-p," JOIN ",6))){ joins_seen++; p+=6; }
  if(c->outst && memmem(b,n," 366 ",5)){ c->outst=0; joined++; ahist[hb(join_last-c->t0)]++; }
  c->hl=n<5?n:5; memcpy(c->carry,e-c->hl,c->hl); }
static void data(C*c,char*b,int n){ /* b has 64 bytes of headroom */
  if(c->st==S_HS){ hs_in(c,b,n); return; }
  if(c->cl>1||c->cl<0) c->cl=0; 
  if(work>=W_JOIN){ joining(c,b,n); return; }
  int k0=c->hl; if(k0){ b-=k0; memcpy(b,c->carry,k0); n+=k0; c->hl=0; }
  char*e=b+n,*p=b; int k=0; uint64_t t=now();
  while((p=memchr(p,'@',e-p))){ if(e-p<19){ c->hl=e-p; memcpy(c->carry,p,e-p); break;} if(p[1]=='T'&&p[18]=='E'){ uint64_t v=0; for(int i=2;i<18;i++){ int x=p[i]; v=v<<4|(x<='9'?x-'0':x-'a'+10);} k++; uint64_t l=t>v?t-v:0; if(measuring){ hist[hb(l)]++; if(l>lmax) lmax=l; } p+=19; }
    else if(greets && p[1]=='C' && p[18]=='E'){ uint64_t v=0; for(int i=2;i<18;i++){ int x=p[i]; v=v<<4|(x<='9'?x-'0':x-'a'+10);} if(measuring){ acks++; ahist[hb(t>v?t-v:0)]++; } p+=19; } else p++; }
  if((dialect==D_IRC||dialect==D_NATS)){ char*q=memmem(b,n,"PING",4); if(q){ if(dialect==D_NATS) out(c,"PONG\r\n",6); else { char*x=memchr(q,'\n',e-q); if(x){ char o[300]; int l=x-q+1; if(l<300){memcpy(o,q,l);o[1]='O';out(c,o,l);} } } }
    q=n>6?memmem(b,n,"ERROR",5):0; if(!q&&n>4&&!memcmp(b,"-ERR",4))q=b; if(q){ static int w; if(w++<3) fprintf(stderr,"server: %.*s\n",(int)(e-q>150?150:e-q),q);} }
  if(k){ if(measuring) delivered+=k; got(c,k);} }
static void start_conn(int i){ C*c=&cs[i]; c->id=i; c->fd=socket(AF_INET,SOCK_STREAM|SOCK_NONBLOCK,0); if(c->fd<0) die("socket"); int one=1; setsockopt(c->fd,IPPROTO_TCP,TCP_NODELAY,&one,sizeof one);
  struct sockaddr_in a={.sin_family=AF_INET}; if(nsrc){ setsockopt(c->fd,IPPROTO_IP,IP_BIND_ADDRESS_NO_PORT,&one,sizeof one); a.sin_addr.s_addr=htonl(0x7f000101+i%nsrc); if(bind(c->fd,(void*)&a,sizeof a)) die("bind"); }
  int pt=port+(nports>1?i%nports:0); if(port2&&i>=K/2) pt=port2; a.sin_addr.s_addr=inet_addr(host); a.sin_port=htons(pt); c->st=S_CONN; c->t0=now(); inprog++; c->want_out=1; struct epoll_event e={.events=EPOLLIN|EPOLLOUT,.data.ptr=c}; int r=connect(c->fd,(void*)&a,sizeof a); if(r&&errno!=EINPROGRESS) die("connect"); epoll_ctl(ep,EPOLL_CTL_ADD,c->fd,&e); }
static void tls_step(C*c){ ERR_clear_error(); int r=SSL_connect(c->ssl); if(r==1){ ev(c,0); hello(c); return;} int e=SSL_get_error(c->ssl,r); if(e==SSL_ERROR_WANT_READ) ev(c,0); else if(e==SSL_ERROR_WANT_WRITE) ev(c,1); else kill_c(c); }
static struct epoll_event evs[4096]; static uint64_t chist[64*128];
static int step(int ms){ int n=epoll_wait(ep,evs,4096,ms); for(int i=0;i<n;i++){ C*c=evs[i].data.ptr; uint32_t e=evs[i].events; if(c->st==S_DEAD) continue;
   if(c->st==S_CONN){ int er=0; socklen_t l=sizeof er; getsockopt(c->fd,SOL_SOCKET,SO_ERROR,&er,&l); if(er){ static int w; if(w++<3) fprintf(stderr,"connect: %s\n",strerror(er)); kill_c(c); continue;} nconn++; 
      if(tls){ c->ssl=SSL_new(ctx); SSL_set_fd(c->ssl,c->fd); SSL_set_connect_state(c->ssl); c->st=S_TLS; tls_step(c);} else { ev(c,0); hello(c);} continue; }
   if(c->st==S_TLS){ tls_step(c); continue; }
   if(e&EPOLLOUT){ flush_c(c); if(c->st==S_DEAD) continue; }
   if(e&(EPOLLIN|EPOLLHUP|EPOLLERR)){ for(;;){ int r=rawrecv(c,rb+64,sizeof rb-64); if(r==0||r==-1){ kill_c(c); break;} if(r==-2) break; int was=c->st; data(c,rb+64,r); if(was==S_HS&&c->st==S_READY) chist[hb(now()-c->t0)]++; if(c->st==S_DEAD) break; if(!c->ssl && r<(int)sizeof rb-64) break; } } }
  return n; }
int main(int ac,char**av){ int o; while((o=getopt(ac,av,"d:w:n:W:t:u:z:r:P:L:h:p:SI:C:B:X:A:H:k:q:aeg:"))!=-1) switch(o){
  case 'd': dialect=!strcmp(optarg,"json")?D_JSON:!strcmp(optarg,"ws")?D_WS:!strcmp(optarg,"irc")?D_IRC:!strcmp(optarg,"sock")?D_SOCK:!strcmp(optarg,"seed")?D_SEED:!strcmp(optarg,"mqtt")?D_MQTT:D_NATS; break;
  case 'w': work=!strcmp(optarg,"pairs")?W_PAIRS:!strcmp(optarg,"fan")?W_FAN:!strcmp(optarg,"join")?W_JOIN:!strcmp(optarg,"rejoin")?W_REJOIN:W_STORM; break;
  case 'n':N=atoi(optarg);break; case 'W':W=atoi(optarg);break; case 't':T=atof(optarg);break; case 'u':U=atof(optarg);break; case 'z':Z=atoi(optarg);break; case 'r':RATE=atof(optarg);break; case 'P':pids=optarg;break; case 'L':label=optarg;break; case 'h':host=optarg;break; case 'p':port=atoi(optarg);break; case 'S':tls=1;break; case 'g':groups=optarg;break; case 'a':accounts=greets=1;break; case 'e':greets=1;break; case 'I':nsrc=atoi(optarg);break; case 'C':maxc=atoi(optarg);break; case 'B':nports=atoi(optarg);break; case 'X':port2=atoi(optarg);break; case 'A':twoway=atoi(optarg);break; case 'H':HOLD=atof(optarg);break; case 'k':K=atoi(optarg);break; case 'q':Q=atof(optarg);break; default: return 2; }
  signal(SIGPIPE,SIG_IGN); memset(pad,'x',sizeof pad); if(tls){ ctx=SSL_CTX_new(TLS_client_method()); if(!SSL_CTX_set1_groups_list(ctx,groups)){ fprintf(stderr,"no such groups: %s\n",groups); return 2; } SSL_CTX_set_mode(ctx,SSL_MODE_ENABLE_PARTIAL_WRITE|SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER|SSL_MODE_RELEASE_BUFFERS);} 
  if(K<2||K>N) K=N;
  cs=calloc(N,sizeof(C)); ep=epoll_create1(0); long rss0=rss(); double c00=cpu(); uint64_t ts=now();
  double lim=120; while(nready+ndead<N){ while(nextc<N && (maxc==0||inprog<maxc) && (maxc||nextc<N)) { start_conn(nextc++); if(maxc==0 && (nextc&63)==0) step(0);} step(20); if(now()-ts>lim*1e9){ fprintf(stderr,"connect timeout: ready=%d dead=%d\n",nready,ndead); break; } }
  uint64_t tc=now(); double c01=cpu(); long rss1;
  { uint64_t s=now(); double settle=(dialect==D_SEED)?1.0:(work==W_STORM?1.5:0.5); while(now()-s<settle*1e9) step(50); }
  for(int i=0;i<N;i++) cs[i].hl=0;
  rss1=rss(); double conn_s=(tc-ts)/1e9;
  printf("{\"label\":\"%s\",\"n\":%d,\"ready\":%d,\"dead\":%d,\"connect_s\":%.3f,\"conn_per_s\":%.0f,\"conn_cpu_us\":%.1f,\"reg_p50_ms\":%.2f,\"reg_p99_ms\":%.2f,\"rss0_kb\":%ld,\"rss1_kb\":%ld,\"kb_per_conn\":%.2f",label,N,nready,ndead,conn_s,nready/conn_s,(c01-c00)/N*1e6,pct(chist,.5)/1e6,pct(chist,.99)/1e6,rss0,rss1,(rss1-rss0)/(double)N);
  if(Q>0){ double c=cpu(); uint64_t s=now(); while(now()-s<Q*1e9) step(100); printf(",\"idle_cpu\":%.6f",(cpu()-c)/Q); }
  if(work>=W_JOIN && nready==N){ uint64_t s=now(), end=s+(uint64_t)((U+T)*1e9); double c0=cpu(); int rounds=0, warm=0; joins_seen=0; join_last=s;
    if(work==W_JOIN){ for(int i=0;i<N;i++) join(&cs[i],"JOIN #c\r\n"); while(!ndead && now()-s<60e9 && (joined<N || now()-join_last<0.5e9)) step(20); }
    else while(!ndead && now()<end){ if(!warm && now()-s>=U*1e9){ warm=1; s=now(); c0=cpu(); joined=0; memset(ahist,0,sizeof ahist); }
        C*c=&cs[rounds++%N]; joins_seen=0; join(c,"PART #c\r\nJOIN #c\r\n"); while(!ndead && now()<end && (c->outst || joins_seen<(uint64_t)N)) step(20); }
    double w=(join_last-s)/1e9, cp=cpu()-c0;
    printf(",\"join_s\":%.3f,\"join_cpu\":%.3f,\"joined\":%d,\"joins_s\":%.1f,\"joins_seen\":%lu,\"join_p50_ms\":%.2f,\"join_p99_ms\":%.2f,\"kb_at_end\":%.2f,\"dead_end\":%d",w,cp,joined,joined/w,joins_seen,pct(ahist,.5)/1e6,pct(ahist,.99)/1e6,(rss()-rss0)/(double)N,ndead);
  } else if(work!=W_STORM && nready==N){ 
    uint64_t s=now(); double c0=0,g0=0; int snd=twoway?K:K/2; uint64_t shouts0=0; 
    if(work==W_FAN){ shout_t=now(); for(int i=0;i<W;i++) send_k(&cs[0],1);} else if(RATE==0) for(int i=0;i<snd;i++) send_k(&cs[i],W);
    uint64_t nsent=0; int rr=0; static char b[16384];
    for(;;){ uint64_t t=now(); double el=(t-s)/1e9; if(!measuring && el>=U){ measuring=1; t_begin=t; c0=cpu(); g0=selfcpu(); shouts0=shouts_done; } if(measuring && el>=U+T) break;
      if(RATE>0){ uint64_t due=(uint64_t)(el*RATE)+1; while(nsent<due){ uint64_t ti=s+(uint64_t)(nsent*1e9/RATE); C*c=&cs[rr]; char*p=build(b,c->id,partner(c->id),ti); out(c,b,p-b); nsent++; if(measuring)sent++; rr=(rr+1)%snd; } double wait=(nsent/RATE-el)*1000; step(wait>1?1:0); }
      else step(20);
    }
    measuring=0; t_end=now(); double c1=cpu(), g1=selfcpu(), w=(t_end-t_begin)/1e9; stopping=1; long rss2=rss();
    printf(",\"W\":%d,\"secs\":%.2f,\"delivered\":%lu,\"msgs_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f,\"srv_cpu\":%.2f,\"gen_cpu\":%.2f,\"cpu_s_per_M\":%.3f,\"rss2_kb\":%ld,\"kb_at_end\":%.2f,\"dead_end\":%d",W,w,delivered,delivered/w,pct(hist,.5)/1e3,pct(hist,.99)/1e3,pct(hist,.999)/1e3,lmax/1e3,(c1-c0)/w,(g1-g0)/w,delivered?(c1-c0)/delivered*1e6:0,rss2,(rss2-rss0)/(double)N,ndead);
    if(work==W_FAN) printf(",\"shouts\":%lu,\"shout_p50_ms\":%.3f,\"shout_p99_ms\":%.3f",(unsigned long)(shouts_done-shouts0),pct(fhist,.5)/1e6,pct(fhist,.99)/1e6);
    if(greets) printf(",\"acks\":%lu,\"ack_p50_us\":%.0f,\"ack_p99_us\":%.0f",acks,pct(ahist,.5)/1e3,pct(ahist,.99)/1e3);
    if(RATE>0) printf(",\"rate\":%.0f",RATE);
  }
  printf("}\n"); fflush(stdout); if(HOLD>0){ uint64_t s=now(); while(now()-s<HOLD*1e9) step(100);} 
  _exit(0); }
